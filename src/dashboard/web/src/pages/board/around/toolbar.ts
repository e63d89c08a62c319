// What stands above the columns: search, filters, pause. In: the filters and the state of the page. Out: changes of
// the address, and pause and resume.
import { html, nothing, type TemplateResult } from 'lit';
import { address } from '../../../base/address.ts';
import { STATUSES, statusWords, type Status } from '../../../text/words.ts';
import { ENDED_HOURS, setFilters, type Filters } from '../model/filters.ts';
import { icon } from '../cards/icons.ts';

export interface ToolbarState {
  filters: Filters;
  sources: readonly string[];
  paused: boolean;
  /** How many appointments have changed since it was paused. */
  waiting: number;
  /** Whether the filters are open, where there is little room. */
  open: boolean;
  toggleOpen: () => void;
  pause: () => void;
  resume: () => void;
  take: () => void;
  /** Goes to the first card that was found. */
  toFound: () => void;
}

export function drawToolbar(state: ToolbarState): TemplateResult {
  const { filters, open } = state;
  return html`<div class="toolbar">
    <h1>Board</h1>
    <form class="search" role="search" @submit=${(event: Event) => (event.preventDefault(), state.toFound())}>
      <label class="unseen" for="search">Search by appointment number</label>
      ${icon('search')}<input
        id="search"
        type="search"
        inputmode="numeric"
        autocomplete="off"
        placeholder="Find number"
        .value=${filters.search}
        @input=${(event: Event) => setFilters({ search: (event.target as HTMLInputElement).value })}
      />
    </form>
    <button type="button" class="narrow-only" aria-expanded=${open} aria-controls="filters" @click=${state.toggleOpen}>
      Filters
    </button>
    <div id="filters" class="filters" data-open=${open}>${drawFilters(state)}</div>
    <div class="pausing">${drawPause(state)}</div>
  </div>`;
}

function drawFilters({ filters, sources }: ToolbarState): TemplateResult {
  const known = filters.source !== null && !sources.includes(filters.source) ? [filters.source, ...sources] : sources;
  const hours = ENDED_HOURS.includes(filters.endedWithinHours)
    ? ENDED_HOURS
    : [...ENDED_HOURS, filters.endedWithinHours].sort((one, other) => one - other);
  return html`${known.length > 1
      ? html`<label class="choice"
          ><span>Source</span>
          <select @change=${(event: Event) => setFilters({ source: valueOf(event) || null })}>
            <option value="" ?selected=${filters.source === null}>All</option>
            ${known.map((name) => html`<option ?selected=${filters.source === name}>${name}</option>`)}
          </select></label
        >`
      : nothing}
    <details class="menu" @keydown=${closeOnEscape} @focusout=${closeOnLeave}>
      <summary>
        Columns${filters.statuses.length < STATUSES.length ? `: ${filters.statuses.length} of ${STATUSES.length}` : ''}
      </summary>
      <fieldset>
        <legend>Show these columns</legend>
        ${STATUSES.map(
          (status) =>
            html`<label
              ><input
                type="checkbox"
                .checked=${filters.statuses.includes(status)}
                @change=${(event: Event) => chooseColumn(filters, status, event.target as HTMLInputElement)}
              />
              ${statusWords(status)}</label
            >`,
        )}
      </fieldset>
    </details>
    <label class="check"
      ><input
        type="checkbox"
        .checked=${filters.onlyLong}
        @change=${(event: Event) => setFilters({ onlyLong: (event.target as HTMLInputElement).checked })}
      />
      Only long waits</label
    >
    <label class="choice"
      ><span>Ended within</span>
      <select @change=${(event: Event) => setFilters({ endedWithinHours: Number(valueOf(event)) })}>
        ${hours.map(
          (count) =>
            html`<option value=${count} ?selected=${filters.endedWithinHours === count}>${hoursWords(count)}</option>`,
        )}
      </select></label
    >
    <a class="wall-link" href=${wallHref()} title="The same board in large letters, with nothing to click">Wall display</a>
    <a href=${csvHref(filters)} download title="The board as a file for a spreadsheet">CSV</a>`;
}

function drawPause({ paused, waiting, pause, resume, take }: ToolbarState): TemplateResult {
  // One button for both, which keeps the focus. The other one goes when it was pressed, and gives the focus to it.
  const taken = (event: Event) => {
    take();
    (event.currentTarget as HTMLElement).parentElement?.querySelector<HTMLElement>('.toggle')?.focus();
  };
  return html`<span class="paused" role="status">${paused ? 'Paused' : ''}</span>
    ${paused && waiting > 0
      ? html`<button type="button" class="primary" @click=${taken}>${waiting.toLocaleString('en-US')} new</button>`
      : nothing}
    <button type="button" class="toggle" @click=${paused ? resume : pause}>
      ${icon(paused ? 'play' : 'pause')} ${paused ? 'Resume' : 'Pause'}
    </button>`;
}

function chooseColumn(filters: Filters, status: Status, box: HTMLInputElement): void {
  const statuses = STATUSES.filter((one) => (one === status ? box.checked : filters.statuses.includes(one)));
  // A board without any column would be none.
  if (statuses.length === 0) box.checked = true;
  else setFilters({ statuses });
}

function wallHref(): string {
  const url = new URL(location.href);
  url.searchParams.set('tv', '1');
  url.searchParams.delete('q');
  return url.pathname + url.search;
}

/** The server knows the source and the hours; a spreadsheet filters the rest. */
function csvHref({ source, endedWithinHours }: Filters): string {
  const asked = new URLSearchParams({ ...(source !== null && { source }), endedWithinHours: String(endedWithinHours) });
  return address(`board.csv?${asked}`);
}

function hoursWords(hours: number): string {
  if (hours >= 48 && hours % 24 === 0) return `${hours / 24} days`;
  return hours === 1 ? '1 hour' : `${hours} hours`;
}

function valueOf(event: Event): string {
  return (event.target as HTMLSelectElement).value;
}

function closeOnEscape(event: KeyboardEvent): void {
  const menu = event.currentTarget as HTMLDetailsElement;
  if (event.key !== 'Escape' || !menu.open) return;
  menu.open = false;
  menu.querySelector('summary')?.focus();
}

function closeOnLeave(event: FocusEvent): void {
  const menu = event.currentTarget as HTMLDetailsElement;
  if (event.relatedTarget && !menu.contains(event.relatedTarget as Node)) menu.open = false;
}
