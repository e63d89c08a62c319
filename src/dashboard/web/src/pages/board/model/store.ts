// What the board page shows, and when. In: what the feed tells, pause and resume. Out: at most one call a frame, with
// the places that have changed. While it is paused, changes wait: one an appointment, however many there were.
import { ServerClock } from '../../../server/clock.ts';
import type { RequestError } from '../../../server/graphql.ts';
import { followBoard, type Wanted } from './feed.ts';
import { Board, joined, PLACES, type Change, type WholeBoard } from './board.ts';
import type { Place } from '../../../text/words.ts';

/** How long a card shows that something has become of it. */
export const FRESH_MS = 6_000;
/** More cards than these are not shown as changed: then everything is. */
const FRESH_MAX = 500;

export class BoardStore {
  readonly board = new Board();
  readonly clock = new ServerClock();
  /** Until when a card shows that it has changed, on the clock of `performance.now()`. */
  readonly fresh = new Map<string, number>();
  /** Whether the first board has come. */
  begun = false;
  paused = false;
  /** Why it has ended. */
  error: RequestError | null = null;
  /** What a new connection showed to have changed meanwhile; null before there was one. */
  caughtUp: number | null = null;

  readonly #draw: (touched: ReadonlySet<Place>) => void;
  #whole: WholeBoard | null = null;
  #waiting = new Map<string, Change>();
  /** Which appointments will be different from what is shown. */
  readonly #missed = new Set<string>();
  #frame = 0;
  #end = () => {};
  #wanted: Wanted | null = null;
  /** How many cards of each place the server told at first. */
  readonly #told = new Map<Place, number>();
  #askedAgain = false;

  constructor(draw: (touched: ReadonlySet<Place>) => void) {
    this.#draw = draw;
  }

  /** How many appointments have changed since it was paused. */
  get waiting(): number {
    return this.paused ? this.#missed.size : 0;
  }

  /** Shows another board. */
  follow(wanted: Wanted): void {
    this.stop();
    this.begun = false;
    this.error = null;
    this.caughtUp = null;
    this.#begin(wanted);
  }

  #begin(wanted: Wanted): void {
    this.#wanted = wanted;
    this.#end = followBoard(wanted, {
      whole: (board, asOf) => {
        this.error = null;
        this.clock.begin(asOf);
        this.#whole = board;
        this.#waiting.clear();
        this.#missed.clear();
        for (const key of this.board.differences(board)) this.#missed.add(key);
        this.#later();
      },
      changed: (changes, asOf) => {
        this.clock.hear(asOf);
        for (const change of changes) {
          this.#waiting.set(change.card.key, joined(this.#waiting.get(change.card.key), change));
          this.#missed.add(change.card.key);
        }
        this.#later();
      },
      failed: (error) => {
        this.error = error;
        this.#draw(new Set(PLACES));
      },
    });
  }

  stop(): void {
    this.#end();
    this.#end = () => {};
    this.#wanted = null;
    this.#askedAgain = false;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#forget();
    this.fresh.clear();
  }

  pause(): void {
    this.paused = true;
  }

  /** Shows what has come meanwhile, and goes on. */
  resume(): void {
    this.paused = false;
    this.#take();
  }

  /** Shows what has come meanwhile, and stays as it is then. */
  take(): void {
    this.#take();
  }

  #later(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.paused && this.begun) this.#draw(new Set());
      else this.#take();
    });
  }

  #take(): void {
    let touched: Set<Place> = new Set();
    const changed = this.begun ? [...this.#missed] : [];
    if (this.#whole) {
      this.board.replace(this.#whole);
      touched = new Set(PLACES);
      if (this.begun && !this.#askedAgain) this.caughtUp = changed.length;
      for (const place of PLACES) this.#told.set(place, this.board.list(place).cards.length);
      this.#askedAgain = false;
      this.begun = true;
    }
    for (const place of this.board.apply(this.#waiting.values())) touched.add(place);
    this.#forget();
    this.#refresh(changed);
    this.#draw(touched);
    if (this.#wanted && !this.#askedAgain && this.#runsShort()) {
      this.#askedAgain = true;
      this.#end();
      this.#begin(this.#wanted);
    }
  }

  /** Whether a place has more than the server told, and half of that has gone. */
  #runsShort(): boolean {
    return PLACES.some((place) => {
      const { cards, count } = this.board.list(place);
      return count > cards.length && cards.length < (this.#told.get(place) ?? 0) / 2;
    });
  }

  #refresh(changed: string[]): void {
    const now = performance.now();
    for (const [key, until] of this.fresh) if (until < now) this.fresh.delete(key);
    if (changed.length > FRESH_MAX) return;
    for (const key of changed) this.fresh.set(key, now + FRESH_MS);
  }

  #forget(): void {
    this.#whole = null;
    this.#waiting.clear();
    this.#missed.clear();
  }
}
