// Which waits are long. In: a card, where it is, the server's time, and each source's thresholds. Out: one of three.
import type { Place } from '../../../text/words.ts';
import type { Card } from './board.ts';

export type Wait = 'usual' | 'long' | 'very';

export const WAIT_WORDS: Record<Exclude<Wait, 'usual'>, string> = { long: 'Long', very: 'Very long' };

/** From how many milliseconds in a status on. */
export interface Threshold {
  long: number;
  very: number;
}

export type Thresholds = ReadonlyMap<string, Threshold>;

/** From the door to the room, which is the vendor's "wait". Who is expected waits at home, and who is in a room is seen. */
const WAITING: readonly Place[] = ['CHECKED_IN', 'READY'];

export function waitOf(card: Card, place: Place, { now, thresholds }: { now: number; thresholds: Thresholds }): Wait {
  const threshold = thresholds.get(card.source);
  if (!threshold || !WAITING.includes(place)) return 'usual';
  const waited = now - card.since;
  return waited >= threshold.very ? 'very' : waited >= threshold.long ? 'long' : 'usual';
}
