// Which cards of a list are shown. In: the board's list, the filters, the time. Out: the cards, without going through
// thousands of them again as long as nothing has changed.
import type { Place } from '../../../text/words.ts';
import type { Filters } from './filters.ts';
import type { Card, List } from './board.ts';
import { waitOf, type Thresholds } from './waits.ts';

interface Seen {
  source: readonly Card[];
  version: number;
  filter: string;
  cards: readonly Card[];
}

export class Sight {
  readonly #seen = new Map<Place, Seen>();

  /** The cards of a list. `version` is another one whenever the list has changed. */
  of(
    place: Place,
    list: List,
    version: number,
    filters: Filters,
    time: { now: number; thresholds: Thresholds },
  ): readonly Card[] {
    const { onlyLong, search } = filters;
    // Waits become long by the minute of each card: by the second is often enough.
    const filter = `${search} ${onlyLong ? Math.floor(time.now / 1_000) : ''}`;
    const seen = this.#seen.get(place);
    if (seen && seen.version === version && seen.filter === filter && seen.source === list.cards) return seen.cards;
    const cards =
      onlyLong || search !== ''
        ? list.cards.filter(
            (card) =>
              card.appointmentId.includes(search) && (!onlyLong || waitOf(card, place, time) !== 'usual'),
          )
        : // A copy: the list itself is changed in its place.
          list.cards.slice();
    this.#seen.set(place, { source: list.cards, version, filter, cards });
    return cards;
  }
}
