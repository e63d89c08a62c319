// Times as people read them: on the clock of a source, with the exact time in UTC beside it. In: times as the API tells
// them, and the name of a time zone. Out: words, and what a day or a field for a local time means in UTC.
import { html, type TemplateResult } from 'lit';

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    const locale = { ...options, hourCycle: 'h23' } as const;
    try {
      found = new Intl.DateTimeFormat('en-GB', { ...locale, timeZone: zone });
    } catch {
      // A zone that this browser does not know yet.
      found = new Intl.DateTimeFormat('en-GB', { ...locale, timeZone: 'UTC' });
    }
    formats.set(key, found);
  }
  return found;
}

/** `Mon, 2 Mar 2026, 10:04:05` */
export function momentWords(ms: number, zone: string): string {
  const [weekday, day, month, year] = ['short', 'numeric', 'short', 'numeric'] as const;
  return format(zone, { weekday, day, month, year, hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(ms);
}

/** `Mon, 2 Mar, 10:04` */
export function minuteWords(ms: number, zone: string): string {
  return format(zone, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(ms);
}

/** `Mon, 2 Mar 2026` */
export function dayWords(ms: number, zone: string): string {
  return format(zone, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }).format(ms);
}

/** `2026-03-02 14:04:05.678 UTC` */
export function utcWords(iso: string): string {
  return iso.replace('T', ' ').replace('Z', ' UTC');
}

/** A moment: the local time, and the exact one in UTC for who points at it or copies it. */
export function moment(iso: string, zone: string): TemplateResult {
  return html`<time datetime=${iso} title=${utcWords(iso)}>${momentWords(Date.parse(iso), zone)}</time>`;
}

/** How far the zone's clock is before UTC at a time, in milliseconds. */
export function offsetAt(ms: number, zone: string): number {
  const parts = format(zone, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).formatToParts(ms);
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value);
  const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return local - Math.floor(ms / 1000) * 1000;
}

/** When the day begins, so many days earlier, that a time is in. */
export function dayBegin(ms: number, zone: string, earlier = 0): number {
  const local = new Date(ms + offsetAt(ms, zone));
  return fromLocal(Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() - earlier), zone);
}

/** What a field `datetime-local` holds, on the zone's clock; null where it holds no time. */
export function fromField(text: string, zone: string): number | null {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(:\d\d(\.\d+)?)?$/.exec(text);
  if (!found) return null;
  const [year, month, day, hour, minute] = found.slice(1, 6).map(Number) as [number, number, number, number, number];
  const local = Date.UTC(year, month - 1, day, hour, minute);
  return Number.isNaN(local) ? null : fromLocal(local, zone);
}

/** What to put into a field `datetime-local` for a time, on the zone's clock. */
export function toField(ms: number, zone: string): string {
  return new Date(ms + offsetAt(ms, zone)).toISOString().slice(0, 16);
}

/** `2026-03-02T10:00:00-05:00`: a time on the zone's clock that programs can read. */
export function zonedIso(ms: number, zone: string): string {
  const offset = Math.round(offsetAt(ms, zone) / 60_000);
  const two = (number: number) => String(number).padStart(2, '0');
  const sign = offset < 0 ? '-' : '+';
  const clock = new Date(ms + offset * 60_000).toISOString().slice(0, 19);
  return `${clock}${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}

/** The time at which a clock shows `local`. Where it shows it twice, the first; where never, as much later as it was put on. */
function fromLocal(local: number, zone: string): number {
  const first = local - offsetAt(local - DAY_MS, zone);
  if (first + offsetAt(first, zone) === local) return first;
  const second = local - offsetAt(local + DAY_MS, zone);
  return second + offsetAt(second, zone) === local ? second : first;
}

const DAY_MS = 86_400_000;
