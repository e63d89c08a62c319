// What an appointment's page knows, kept up to date. In: which appointment, and which moment is chosen. Out: one call
// whenever something is different. Places of the history are known all (up to a bound), deliveries a page at a time.
import { againMs } from '../../server/again.ts';
import type { Delivery } from '../../parts/delivery.ts';
import { RequestError, wordsOf } from '../../server/graphql.ts';
import {
  followSource,
  loadDeliveries,
  loadExplanation,
  loadNow,
  loadStateAt,
  loadSteps,
  type Explanation,
  type Key,
  type Now,
  type State,
  type Step,
} from './data.ts';

/** Deliveries on a page of the timeline. */
export const TIMELINE_PAGE = 50;
/** Places of a history that are known: the newest. Nobody steps through more. */
const STEPS_MAX = 10_000;
/** After so many deliveries of the source the subscription begins anew, so that a lost connection repeats no more. */
const HEARD_MAX = 500;
/** What arrives within this time is asked for at once. */
const GATHER_MS = 120;
/** A subscription that has not been refused for so long is one that hears. */
const HEARS_MS = 2_000;

export class AppointmentStore {
  now: Now | null = null;
  steps: Step[] = [];
  /** The deliveries of the page that is shown, oldest first. */
  shown: Delivery[] = [];
  error: string | null = null;
  /** Why nothing new is heard, if so. */
  deaf: string | null = null;
  /** The chosen moment is not known yet. */
  waiting = false;
  explanation: Explanation | null | 'asking' = null;
  explained: string | null = null;

  readonly #key: Key;
  readonly #draw: () => void;
  readonly #states = new Map<string, State | null>();
  readonly #closed = new AbortController();
  #choosing = new AbortController();
  #explaining = new AbortController();
  #at: string | null = null;
  #page = -1;
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #unfollow = () => {};
  #following: ReturnType<typeof setTimeout> | undefined;
  /** How often in a row the server had no answer for the moment: to a question, to the subscription. */
  #inVain = 0;
  #refused = 0;

  constructor(key: Key, draw: () => void) {
    this.#key = key;
    this.#draw = draw;
  }

  /** The chosen position; null: now. */
  get at(): string | null {
    return this.#at;
  }

  /** The chosen place in `steps`; the last one for now, -1 where there is none. */
  get index(): number {
    if (this.#at === null) return this.steps.length - 1;
    const at = BigInt(this.#at);
    // A position that is none of this appointment's means the state after the one before it.
    let [low, high] = [0, this.steps.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (BigInt((this.steps[middle] as Step).position) <= at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The page of the timeline that is shown, and how many there are. */
  get page(): number {
    return Math.max(0, this.#page);
  }

  get pages(): number {
    return Math.max(1, Math.ceil(this.steps.length / TIMELINE_PAGE));
  }

  /** How it is at the chosen moment; undefined while that is not known. */
  get state(): State | null | undefined {
    return this.#at === null ? this.now?.state : this.#states.get(this.#at);
  }

  /** Deliveries before the first that is known. */
  get unknown(): number {
    return Math.max(0, (this.now?.total ?? 0) - this.steps.length);
  }

  async begin(at: string | null): Promise<void> {
    this.#at = at;
    await this.#try(async (signal) => {
      const now = await loadNow(this.#key, signal);
      this.steps = [];
      let before: string | null = null;
      for (let more = true; more && this.steps.length < STEPS_MAX; ) {
        const { steps, hasMore } = await loadSteps(this.#key, { before }, signal);
        this.steps = [...steps, ...this.steps];
        before = this.steps[0]?.cursor ?? null;
        more = hasMore;
      }
      this.now = now;
      this.#follow(now.cursor);
      await this.choose(at);
    });
  }

  end(): void {
    this.#closed.abort();
    this.#choosing.abort();
    this.#explaining.abort();
    clearTimeout(this.#gathering);
    clearTimeout(this.#following);
    this.#unfollow();
  }

  /** Chooses a moment: a position, or null for now. */
  async choose(at: string | null): Promise<void> {
    this.#at = at;
    this.#choosing.abort();
    this.#choosing = new AbortController();
    const { signal } = this.#choosing;
    this.waiting = true;
    this.#draw();
    await this.#try(async () => {
      const states = this.#state(at, signal);
      await Promise.all([states, this.#show(this.#pageOf(this.index), false, signal)]);
      if (signal.aborted) return;
      this.waiting = false;
      if (this.explained) void this.explain(this.explained);
    }, signal);
  }

  /** Shows another page of the timeline; the chosen moment stays. */
  async turn(page: number): Promise<void> {
    await this.#try((signal) => this.#show(page, false, signal));
  }

  /** Asks what would become of an event at the chosen moment; null: asks nothing. */
  async explain(event: string | null): Promise<void> {
    this.explained = event;
    this.#explaining.abort();
    this.#explaining = new AbortController();
    const { signal } = this.#explaining;
    this.explanation = event ? 'asking' : null;
    this.#draw();
    if (!event) return;
    await this.#try(async () => {
      const explanation = await loadExplanation(this.#key, event, this.#at, signal);
      if (!signal.aborted) this.explanation = explanation;
    }, signal);
  }

  async #state(at: string | null, signal: AbortSignal): Promise<void> {
    if (at === null || this.#states.has(at)) return;
    const state = await loadStateAt(this.#key, at, signal);
    // What had not arrived by then never comes in: it stays as it is. But a position may be yet to come.
    if (this.now && BigInt(at) <= BigInt(this.now.position)) this.#states.set(at, state);
    else if (this.now) this.#states.set(at, this.now.state);
  }

  #pageOf(index: number): number {
    return Math.max(0, Math.floor(index / TIMELINE_PAGE));
  }

  /** Loads a page of the timeline, where it is another one or `anew`. */
  async #show(page: number, anew: boolean, signal: AbortSignal): Promise<void> {
    if (page === this.#page && !anew) return;
    const after = this.steps[page * TIMELINE_PAGE - 1]?.cursor ?? null;
    const first = this.steps[page * TIMELINE_PAGE];
    // The first known one may not be the first one there is.
    const from = after ?? (this.unknown > 0 && first ? await this.#before(first, signal) : null);
    const shown = await loadDeliveries(this.#key, from, TIMELINE_PAGE, signal);
    if (signal.aborted) return;
    this.#page = page;
    this.shown = shown;
  }

  /** The cursor of the delivery before a place. */
  async #before(step: Step, signal: AbortSignal): Promise<string | null> {
    const { steps } = await loadSteps(this.#key, { before: step.cursor }, signal);
    return steps.at(-1)?.cursor ?? null;
  }

  #follow(after: string): void {
    this.#unfollow();
    clearTimeout(this.#following);
    let [heard, last] = [0, after];
    this.#unfollow = followSource(
      this.#key.source,
      after,
      (cursor, appointmentId) => {
        this.#hears();
        last = cursor;
        heard += 1;
        if (heard === HEARD_MAX) this.#follow(cursor);
        if (appointmentId === this.#key.id) this.#later(GATHER_MS);
      },
      (error) => {
        clearTimeout(this.#following);
        if (error.code === 'ANOTHER_HISTORY') return this.#anew();
        this.deaf = error.message;
        // What has come meanwhile is told then, because it begins where this one has ended.
        if (error.passes) this.#following = setTimeout(() => this.#follow(last), againMs(this.#refused++));
        this.#draw();
      },
    );
    if (this.deaf) this.#following = setTimeout(() => this.#hears(), HEARS_MS);
  }

  /** The server's log has become another one: nothing that is known of the old one counts. */
  #anew(): void {
    [this.now, this.#page] = [null, -1];
    this.#states.clear();
    this.#later(0);
  }

  #hears(): void {
    this.#refused = 0;
    if (this.deaf === null) return;
    this.deaf = null;
    this.#draw();
  }

  #later(ms: number): void {
    clearTimeout(this.#gathering);
    this.#gathering = setTimeout(() => void (this.now ? this.#refresh() : this.begin(this.#at)), ms);
  }

  /** Asks for what has come. A later delivery may have changed what became of an earlier one. */
  async #refresh(): Promise<void> {
    await this.#try(async (signal) => {
      const now = await loadNow(this.#key, signal);
      const last = this.page === this.pages - 1;
      for (let more = true; more; ) {
        const end = this.steps.at(-1);
        const { steps, hasMore } = await loadSteps(this.#key, end ? { after: end.cursor } : { before: null }, signal);
        this.steps = [...this.steps, ...steps];
        more = hasMore && end !== undefined;
      }
      this.now = now;
      // What lay in the future when it was asked for may have come.
      for (const at of this.#states.keys()) if (BigInt(at) > BigInt(this.steps.at(-1)?.position ?? 0)) this.#states.delete(at);
      await Promise.all([this.#state(this.#at, signal), this.#show(last && this.#at === null ? this.pages - 1 : this.page, true, signal)]);
      this.waiting = false;
      if (this.explained && (this.#at === null || this.explanation === 'asking')) void this.explain(this.explained);
    });
  }

  /** Does something, and draws what has come of it. */
  async #try(what: (signal: AbortSignal) => Promise<void>, signal: AbortSignal = this.#closed.signal): Promise<void> {
    try {
      await what(signal);
      if (!signal.aborted) [this.error, this.#inVain] = [null, 0];
    } catch (error) {
      if (signal.aborted || this.#closed.signal.aborted) return;
      this.error = wordsOf(error);
      if (error instanceof RequestError && error.passes) this.#later(againMs(this.#inVain++));
    }
    if (!this.#closed.signal.aborted) this.#draw();
  }
}
