// Which column is shown where there is room for one: a row of buttons with their counts, on a phone only.
import { html, type TemplateResult } from 'lit';
import { numberWords, statusWords, UNKNOWN, type Status } from '../../../text/words.ts';
import type { Board } from '../model/board.ts';

export function drawPicker(
  statuses: readonly Status[],
  board: Board,
  begun: boolean,
  chosen: Status,
  choose: (status: Status) => void,
): TemplateResult {
  return html`<div class="picker narrow-only" role="group" aria-label="Column">
    ${statuses.map(
      (status) =>
        html`<button type="button" aria-pressed=${status === chosen} @click=${() => choose(status)}>
          ${statusWords(status)} <span class="count">${begun ? numberWords(board.list(status).count) : UNKNOWN}</span>
        </button>`,
    )}
  </div>`;
}
