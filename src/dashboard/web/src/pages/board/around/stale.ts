// Appointments that staff seem to have forgotten: apart from the columns, counted, and listed when they are opened.
import { html, nothing, type TemplateResult } from 'lit';
import { countWords } from '../../../text/words.ts';
import type { Source } from '../../../server/session.ts';
import type { Manner } from '../cards/card.ts';
import type { Card } from '../model/board.ts';

/** `searching` opens the list, because what is looked for may be in it. */
export function drawStale(
  cards: readonly Card[],
  count: number,
  manner: Manner,
  sources: readonly Source[],
  searching: boolean,
): TemplateResult | typeof nothing {
  if (count === 0) return nothing;
  const hours = same(sources.map(({ staleAfterHours }) => staleAfterHours));
  const days = same(sources.map(({ bookingHorizonDays }) => bookingHorizonDays));
  const after = hours === null ? 'as long as is set for its source' : countWords(hours, 'hour', 'hours');
  const horizon = days === null ? 'as long as is set for its source' : countWords(days, 'day', 'days');
  return html`<details class="stale" ?open=${searching && cards.length > 0}>
    <summary>${countWords(count, 'appointment', 'appointments')} not heard of for long</summary>
    <div>
      <board-column
        .place=${'STALE'}
        .name=${'Not heard of for long'}
        .cards=${cards}
        .count=${count}
        .untold=${0}
        .filtered=${cards.length < count}
        .manner=${manner}
      ></board-column>
      <p>
        These were checked in, ready or called back, and nothing has arrived about them for ${after}; or they were scheduled, and
        nothing has arrived for ${horizon}. Somebody may have forgotten to discharge or remove them. Nothing is guessed.
      </p>
    </div>
  </details>`;
}

/** The number that all are; null where they differ. */
function same(numbers: readonly number[]): number | null {
  const [first, ...rest] = new Set(numbers);
  return first === undefined || rest.length > 0 ? null : first;
}
