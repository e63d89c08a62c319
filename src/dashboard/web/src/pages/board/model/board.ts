// The board as it stands: a list a place, each in order, the longest wait first. In: a whole board, or what has become
// of single appointments. Out: which places have changed. No drawing, no network, no clock.
import { STATUSES, type Place, type Status } from '../../../text/words.ts';

/** An appointment on the board. A changed one is another object. */
export interface Card {
  /** Source and number: what it is known by. */
  readonly key: string;
  readonly source: string;
  readonly appointmentId: string;
  readonly status: Status;
  /** When it got its status, on the server's clock. */
  readonly since: number;
  /** The last event, as the API names it. */
  readonly event: string | null;
}

/** What has become of an appointment, of several changes the whole of it. */
export interface Change {
  readonly card: Card;
  readonly from: Place | null;
  readonly to: Place | null;
}

export interface WholeBoard {
  readonly lists: ReadonlyMap<Place, { count: number; cards: Card[] }>;
}

/** The cards in one place. */
export interface List {
  cards: Card[];
  /** How many appointments are there, also those beyond what the server told. */
  count: number;
}

export const PLACES: readonly Place[] = [...STATUSES, 'STALE'];

export class Board {
  readonly lists = new Map<Place, List>(PLACES.map((place) => [place, { cards: [], count: 0 }]));
  readonly #places = new Map<string, Place>();

  list(place: Place): List {
    return this.lists.get(place) as List;
  }

  /** How many cards it has in all. */
  get size(): number {
    return this.#places.size;
  }

  /** The card that is known by a key, wherever it is. */
  find(key: string): { card: Card; place: Place } | null {
    const place = this.#places.get(key);
    const card = place && this.list(place).cards.find((card) => card.key === key);
    return place && card ? { card, place } : null;
  }

  /** The keys of what is different in another board: what came, went, moved, or has another event. */
  differences(whole: WholeBoard): string[] {
    const before = new Map<string, string>();
    for (const [place, list] of this.lists) {
      for (const card of list.cards) before.set(card.key, shown(place, card));
    }
    const different: string[] = [];
    for (const [place, list] of whole.lists) {
      for (const card of list.cards) {
        if (before.get(card.key) !== shown(place, card)) different.push(card.key);
        before.delete(card.key);
      }
    }
    return [...different, ...before.keys()];
  }

  /** Takes over a whole board. */
  replace(whole: WholeBoard): void {
    this.#places.clear();
    for (const place of PLACES) {
      const { count = 0, cards = [] } = whole.lists.get(place) ?? {};
      const list = this.list(place);
      list.count = count;
      list.cards = [...cards].sort(inOrder);
      for (const card of list.cards) this.#places.set(card.key, place);
    }
  }

  /** Takes over changes. Returns the places in which something is different now. */
  apply(changes: Iterable<Change>): Set<Place> {
    const touched = new Set<Place>();
    for (const { card, from, to } of changes) {
      const known = this.#places.get(card.key);
      const was = known ?? from;
      if (was !== null) {
        const list = this.list(was);
        if (known) this.#take(list, card.key);
        list.count -= 1;
        touched.add(was);
      }
      this.#places.delete(card.key);
      if (to !== null) {
        this.#put(to, card);
        touched.add(to);
      }
    }
    return touched;
  }

  #take(list: List, key: string): void {
    const index = list.cards.findIndex((card) => card.key === key);
    if (index >= 0) list.cards.splice(index, 1);
  }

  #put(place: Place, card: Card): void {
    const list = this.list(place);
    const hidden = list.count - list.cards.length;
    list.count += 1;
    const index = placeFor(list.cards, card);
    // Behind the last one that the server told stand those that it did not tell: it is one of them.
    if (hidden > 0 && index === list.cards.length) return;
    list.cards.splice(index, 0, card);
    this.#places.set(card.key, place);
  }
}

/** Joins two changes of one appointment. */
export function joined(earlier: Change | undefined, later: Change): Change {
  return earlier ? { card: later.card, from: earlier.from, to: later.to } : later;
}

/** What tells two states of an appointment apart that look different. */
function shown(place: Place, { since, event }: Card): string {
  return `${place} ${since} ${event}`;
}

function inOrder(one: Card, other: Card): number {
  return one.since - other.since || (one.key < other.key ? -1 : one.key > other.key ? 1 : 0);
}

/** Where a card goes in a list that is in order. */
function placeFor(cards: readonly Card[], card: Card): number {
  let [low, high] = [0, cards.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (inOrder(cards[middle] as Card, card) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
