// How the steps of a stretch are told: on an axis, in a table, at the cursor. On the zone's clock.
import { dayWords, minuteWords, offsetAt } from '../../text/times.ts';
import type { Interval } from './data.ts';

const DAY_S = 86_400;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A mark of the axis whose marks are so many seconds apart: `2 Mar`, or `10:00`. */
export function timeWords(ms: number, apart: number, zone: string): string {
  const local = new Date(ms + offsetAt(ms, zone));
  const [hours, minutes] = [local.getUTCHours(), local.getUTCMinutes()];
  if (apart >= DAY_S || (hours === 0 && minutes === 0)) return `${local.getUTCDate()} ${MONTHS[local.getUTCMonth()]}`;
  return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}

/** A step: `Mon, 2 Mar 2026`, or `Mon 2 Mar, 10:00–11:00`. */
export function stepWords(from: number, to: number, interval: Interval, zone: string): string {
  if (interval === 'DAY') return dayWords(from, zone);
  return `${minuteWords(from, zone)}–${minuteWords(to, zone).slice(-5)}`;
}
