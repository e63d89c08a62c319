// A setting to try. In: an advice of the API. Out: a box with the pattern, the numbers, and lines to copy into the
// configuration.
import { html, type TemplateResult } from 'lit';
import '../../parts/copy-button.ts';
import { prose } from '../../text/prose.ts';
import type { Advice } from './data.ts';

const TITLES: Record<Advice['pattern'], string> = {
  WALK_INS: 'Walk-ins whom nobody checks in',
  MID_STREAM: 'Switched on in mid-stream',
  OVERTAKING: 'Deliveries overtake each other',
};

export function drawAdvice({ source, pattern, explanation, setting }: Advice): TemplateResult {
  const toml = `[[source]]\nname = "${source}"\n${setting}`;
  const id = `advice-${source}-${pattern}`;
  return html`<section class="panel advice" aria-labelledby=${id} data-pattern=${pattern} data-source=${source}>
    <h2 id=${id}>
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 1.5a4.5 4.5 0 0 1 2.5 8.2V12h-5V9.7A4.5 4.5 0 0 1 8 1.5ZM6 14.5h4" />
      </svg>
      ${TITLES[pattern]} <span class="amount">${source}</span>
    </h2>
    <p>${prose(explanation)}</p>
    <p class="quiet">The setting in the configuration:</p>
    <div class="setting">
      <pre tabindex="0" aria-label="Setting for ${source}">${toml}</pre>
      <copy-button .text=${setting} .what=${`the setting ${setting}`}></copy-button>
    </div>
  </section>`;
}
