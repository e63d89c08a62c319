// The few icons of the board. Each stands beside words and is hidden from who listens instead of looking.
import { svg, html, type TemplateResult } from 'lit';

const PATHS = {
  /** A clock. */
  long: svg`<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="M8 4.5V8l2.25 1.75" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />`,
  /** A triangle with an exclamation mark. */
  very: svg`<path d="M8 1.5 15.25 14.5H.75Z" fill="currentColor" /><path d="M8 6v4M8 12.2v.1" stroke="var(--card-ground)" stroke-width="1.6" stroke-linecap="round" />`,
  pause: svg`<path d="M5 3v10M11 3v10" stroke="currentColor" stroke-width="2.25" stroke-linecap="round" />`,
  play: svg`<path d="M4.5 2.5 13 8l-8.5 5.5Z" fill="currentColor" />`,
  search: svg`<circle cx="7" cy="7" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="m10.5 10.5 3.5 3.5" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />`,
};

export function icon(name: keyof typeof PATHS): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${PATHS[name]}</svg>`;
}
