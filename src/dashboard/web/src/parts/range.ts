// The stretch of time that a page is about. In: the address (`range=`, and `from=` and `to=` for a stretch of one's own),
// the zone whose days count, and now. Out: its two ends, and the controls that choose it.
import { html, nothing, type TemplateResult } from 'lit';
import { setParameters } from '../routes/router.ts';
import { dayBegin, fromField, toField } from '../text/times.ts';

export const RANGES = ['today', '24h', '7d', '30d', 'own'] as const;
export type RangeName = (typeof RANGES)[number];

export interface Range {
  name: RangeName;
  /** In milliseconds since 1970; the end is not in it. */
  from: number;
  to: number;
  /** Why a stretch of one's own is none. */
  error: string | null;
}

const WORDS: Record<RangeName, string> = {
  today: 'Today',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  own: 'From … to …',
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A year and a day: what a page computes with. */
const OWN_DAYS_MAX = 366;

/** The stretch that an address asks for. */
export function rangeOf(url: URL, zone: string, now: number, usual: RangeName): Range {
  const asked = url.searchParams.get('range') as RangeName | null;
  const name = asked && RANGES.includes(asked) ? asked : usual;
  switch (name) {
    case 'today':
      return { name, from: dayBegin(now, zone), to: now, error: null };
    case '24h':
      return { name, from: now - DAY_MS, to: now, error: null };
    case '7d':
      return { name, from: dayBegin(now, zone, 6), to: now, error: null };
    case '30d':
      return { name, from: dayBegin(now, zone, 29), to: now, error: null };
    case 'own':
      return own(url, zone, now);
  }
}

function own(url: URL, zone: string, now: number): Range {
  const field = (name: string) => fromField(url.searchParams.get(name) ?? '', zone);
  const from = field('from') ?? dayBegin(now, zone);
  const to = field('to') ?? now;
  const error =
    to <= from
      ? 'The end is before the beginning.'
      : to - from > OWN_DAYS_MAX * DAY_MS
        ? `A stretch has at most ${OWN_DAYS_MAX} days.`
        : null;
  return { name: 'own', from, to, error };
}

/** The controls; what is chosen goes into the address. */
export function drawRange(range: Range, zone: string): TemplateResult {
  const choose = (name: RangeName) =>
    setParameters({
      range: name,
      from: name === 'own' ? toField(range.from, zone) : null,
      to: name === 'own' ? toField(range.to, zone) : null,
    });
  return html`<label class="field"
      ><span>Time</span>
      <select name="range" @change=${(event: Event) => choose((event.target as HTMLSelectElement).value as RangeName)}>
        ${RANGES.map((name) => html`<option value=${name} .selected=${name === range.name}>${WORDS[name]}</option>`)}
      </select></label
    >
    ${range.name === 'own' ? html`${drawEnd('from', 'From', range.from, zone)} ${drawEnd('to', 'To', range.to, zone)}` : nothing}`;
}

function drawEnd(name: 'from' | 'to', words: string, ms: number, zone: string): TemplateResult {
  const set = (event: Event) => {
    const { value } = event.target as HTMLInputElement;
    if (fromField(value, zone) !== null) setParameters({ [name]: value });
  };
  return html`<label class="field"
    ><span>${words} <span class="unseen">(in ${zone})</span></span>
    <input type="datetime-local" name=${name} .value=${toField(ms, zone)} @change=${set} /></label
  >`;
}

/** A choice that goes into the address. */
export function drawChoice(
  name: string,
  words: string,
  all: string,
  options: readonly (readonly [string, string])[],
  chosen: string | null,
): TemplateResult {
  const set = (event: Event) => setParameters({ [name]: (event.target as HTMLSelectElement).value || null });
  const known = chosen === null || options.some(([value]) => value === chosen);
  return html`<label class="field"
    ><span>${words}</span>
    <select name=${name} @change=${set}>
      <option value="" .selected=${chosen === null}>${all}</option>
      ${known ? nothing : html`<option value=${chosen} .selected=${true}>${chosen}</option>`}
      ${options.map(([value, text]) => html`<option value=${value} .selected=${value === chosen}>${text}</option>`)}
    </select></label
  >`;
}
