// The board. In: its address, which has the filters, and who reads. Out: a column a status that moves as deliveries
// arrive, or, for a wall, the same in large letters without anything to click.
//
//   model/:  feed.ts (subscription) -> store.ts (when) -> board.ts (what stands where)
//            filters.ts (address) -> sight.ts (which cards)
//   cards/:  column.ts -> card.ts
//   around/: toolbar.ts, picker.ts, stale.ts, notes.ts: what stands around the columns
//   wall/:   head.ts, turns.ts (which columns), column.ts -> the same card.ts
import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { address } from '../../base/address.ts';
import { Element } from '../../base/element.ts';
import { RequestError } from '../../server/graphql.ts';
import { connection, socketRefusal } from '../../server/live.ts';
import type { Route } from '../../routes/router.ts';
import { me, type Source } from '../../server/session.ts';
import { Follow } from '../../base/state.ts';
import { statusWords, type Place, type Status } from '../../text/words.ts';
import type { Manner } from './cards/card.ts';
import type { BoardColumn, Sideways } from './cards/column.ts';
import './cards/column.ts';
import './board.css';
import './cards/cards.css';
import './wall/wall.css';
import { filtersOf, hidesCards, isFiltered, type Filters } from './model/filters.ts';
import { PLACES, type Card } from './model/board.ts';
import { drawCaughtUp, drawEmpty, drawLost, drawNothingFound, drawRefused, drawSocketRefused } from './around/notes.ts';
import { drawPicker } from './around/picker.ts';
import { Sight } from './model/sight.ts';
import { drawStale } from './around/stale.ts';
import { BoardStore } from './model/store.ts';
import { drawToolbar, type ToolbarState } from './around/toolbar.ts';
import { drawWallHead, timeWords } from './wall/head.ts';
import { PAGE_MS, turnOf } from './wall/turns.ts';
import './wall/column.ts';
import type { Thresholds } from './model/waits.ts';

/** How often times are told anew. */
const TICK_MS = 1_000;
/** A connection that is lost for shorter is not worth a word. */
const LOST_AFTER_MS = 2_000;
/** How long it is told what a lost connection has missed. */
const CAUGHT_UP_MS = 15_000;
const MINUTE_MS = 60_000;

export class BoardPage extends Element {
  static override properties: PropertyDeclarations = { route: { attribute: false } };

  declare route: Route;

  readonly #store = new BoardStore((touched) => this.#touch(touched));
  readonly #sight = new Sight();
  readonly #versions = new Map<Place, number>();
  #followed: string | null = null;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #manner: Manner | null = null;
  #filtersOpen = false;
  /** The column that is shown where only one has room. */
  #chosen: Status = 'CHECKED_IN';
  /** Since when the connection is lost: by the stopwatch, and on the server's clock. */
  #lost: { at: number; since: number } | null = null;
  #caughtUpUntil = 0;

  constructor() {
    super();
    new Follow(this, me, connection, socketRefusal);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ticking = setInterval(() => {
      this.#manner = null;
      this.requestUpdate();
    }, TICK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#ticking);
    this.#store.stop();
    this.#followed = null;
  }

  protected override willUpdate(): void {
    const { source, endedWithinHours } = filtersOf(this.route.url);
    const wanted = JSON.stringify([source, endedWithinHours]);
    if (wanted !== this.#followed) {
      this.#followed = wanted;
      this.#manner = null;
      this.#store.follow({ source, endedWithinHours });
    }
    const live = connection.value.is === 'live' || connection.value.is === 'idle';
    if (live) this.#lost = null;
    else if (this.#store.begun) this.#lost ??= { at: performance.now(), since: this.#store.clock.now() };
  }

  protected override render(): TemplateResult {
    const filters = filtersOf(this.route.url);
    const manner = (this.#manner ??= this.#newManner(filters));
    const cards = new Map(filters.statuses.map((status) => [status, this.#cards(status, filters, manner)]));
    return filters.wall ? this.#drawWall(filters, cards, manner) : this.#drawPage(filters, cards, manner);
  }

  #drawPage(filters: Filters, cards: CardsBy, manner: Manner): TemplateResult {
    const { board, error } = this.#store;
    const stale = board.list('STALE');
    const staleCards = this.#cards('STALE', filters, manner);
    return html`${drawToolbar(this.#toolbar(filters))}
      <div role="status">${this.#news()}</div>
      ${error && !error.passes
        ? drawError(error)
        : html`${staleCards.length > 0 && filters.search ? nothing : this.#note(filters, cards)} ${this.#drawColumns(filters, cards, manner)}
          ${drawStale(staleCards, stale.count, manner, sources(), filters.search !== '')}`}`;
  }

  #toolbar(filters: Filters): ToolbarState {
    const { paused, waiting } = this.#store;
    return {
      filters,
      sources: names(),
      paused,
      waiting,
      open: this.#filtersOpen,
      toggleOpen: () => this.#set(() => (this.#filtersOpen = !this.#filtersOpen)),
      pause: () => this.#set(() => this.#store.pause()),
      resume: () => this.#store.resume(),
      take: () => this.#store.take(),
      toFound: () => this.#focusFirst(),
    };
  }

  /** Why there is no card, where there is none. */
  #note(filters: Filters, cards: CardsBy): TemplateResult | typeof nothing {
    const { board, begun } = this.#store;
    if (!begun || [...cards.values()].some((some) => some.length > 0)) return nothing;
    if (isFiltered(filters)) return drawNothingFound(filters.search, filters.source ? [filters.source] : names());
    return board.size === 0 ? drawEmpty(names(), filters.endedWithinHours) : nothing;
  }

  #drawColumns({ statuses, ...filters }: Filters, cards: CardsBy, manner: Manner): TemplateResult {
    const { board, begun } = this.#store;
    const chosen = statuses.includes(this.#chosen) ? this.#chosen : (statuses[0] as Status);
    const filtered = hidesCards({ statuses, ...filters });
    return html`${drawPicker(statuses, board, begun, chosen, (status) => this.#set(() => (this.#chosen = status)))}
      <p id="board-keys" class="unseen">Up and down arrows go from card to card, left and right arrows to the next column.</p>
      <div class="columns" aria-busy=${!begun} @sideways=${this.#sideways}>
        ${statuses.map((status) => {
          const list = board.list(status);
          return html`<board-column
            class=${status === chosen ? 'chosen' : ''}
            .place=${status}
            .name=${statusWords(status)}
            .cards=${cards.get(status)}
            .count=${begun ? list.count : null}
            .untold=${list.count - list.cards.length}
            .filtered=${filtered}
            .manner=${manner}
          ></board-column>`;
        })}
      </div>`;
  }

  #drawWall({ statuses, source }: Filters, cards: CardsBy, manner: Manner): TemplateResult {
    const { board, clock, begun } = this.#store;
    const { from, shown, turns } = turnOf(statuses);
    const part = shown.length === 1 ? `Column ${from + 1}` : `Columns ${from + 1}–${from + shown.length}`;
    const columns = turns > 1 ? `${part} of ${statuses.length}` : null;
    return html`${drawWallHead(source ? [source] : names(), clock.now(), zone(source), board.list('STALE').count, columns)} ${this.#news()}
      ${begun && board.size === 0 ? html`<p class="strip">No appointment is on the board.</p>` : nothing}
      <div class="columns" data-few=${statuses.length <= 4}>
        ${shown.map(
          (status) =>
            html`<wall-column
              .place=${status}
              .name=${statusWords(status)}
              .cards=${cards.get(status)}
              .count=${begun ? board.list(status).count : null}
              .manner=${manner}
              .pageMs=${PAGE_MS * turns}
            ></wall-column>`,
        )}
      </div>`;
  }

  /** That the connection is lost, or that the server has no answer for now, or what a lost connection has missed. */
  #news(): TemplateResult | typeof nothing {
    const { clock, caughtUp, error } = this.#store;
    if (error?.passes) return drawRefused(error.message);
    const why = connection.value.is === 'waiting' ? connection.value.why : null;
    if (this.#lost) {
      const { at, since } = this.#lost;
      const long = performance.now() - at >= LOST_AFTER_MS;
      return long ? drawLost(since, clock.now(), timeWords(since, zone(null)), why) : nothing;
    }
    if (why) return drawRefused(why);
    if (socketRefusal.value) return drawSocketRefused(socketRefusal.value);
    return caughtUp !== null && performance.now() < this.#caughtUpUntil ? drawCaughtUp(caughtUp) : nothing;
  }

  #cards(place: Place, filters: Filters, manner: Manner): readonly Card[] {
    return this.#sight.of(place, this.#store.board.list(place), this.#versions.get(place) ?? 0, filters, manner);
  }

  #newManner({ source, wall }: Filters): Manner {
    const { clock, fresh } = this.#store;
    const isFresh = (key: string) => (fresh.get(key) ?? 0) > performance.now();
    return { now: clock.now(), thresholds: thresholds(), showSource: source === null && sources().length > 1, links: !wall, isFresh };
  }

  #touch(touched: ReadonlySet<Place>): void {
    for (const place of touched) this.#versions.set(place, (this.#versions.get(place) ?? 0) + 1);
    if (this.#store.caughtUp !== null) this.#caughtUpUntil = performance.now() + CAUGHT_UP_MS;
    // A whole board has another time.
    if (touched.size === PLACES.length) this.#manner = null;
    this.requestUpdate();
  }

  #set(change: () => void): void {
    change();
    this.requestUpdate();
  }

  #columns(): BoardColumn[] {
    return [...this.querySelectorAll<BoardColumn>('.columns > board-column')];
  }

  #focusFirst(): void {
    this.#columns().some((column) => column.cards.length > 0 && column.focusCard(0));
  }

  /** To the next column that has a card. */
  #sideways = (event: Sideways): void => {
    const columns = this.#columns();
    for (let at = columns.indexOf(event.target as BoardColumn) + event.detail; columns[at]; at += event.detail) {
      if (columns[at]?.focusCard()) return;
    }
  };
}

type CardsBy = ReadonlyMap<Status, readonly Card[]>;

function drawError(error: RequestError): TemplateResult {
  return html`<section class="notice" role="alert">
    <h2>The board can't be shown</h2>
    <p>${error.message}</p>
    <p><a href=${address('')}>Show the whole board</a></p>
  </section>`;
}

function sources(): readonly Source[] {
  return me.value === null || me.value instanceof RequestError ? [] : me.value.sources;
}

function names(): string[] {
  return sources().map(({ name }) => name);
}

function thresholds(): Thresholds {
  return new Map(
    sources().map(({ name, longWaitMinutes, veryLongWaitMinutes }) => [
      name,
      { long: longWaitMinutes * MINUTE_MS, very: veryLongWaitMinutes * MINUTE_MS },
    ]),
  );
}

/** The time zone of the sources that are shown, where it is one. */
function zone(source: string | null): string | null {
  const zones = new Set(sources().filter(({ name }) => source === null || name === source).map(({ timeZone }) => timeZone));
  return zones.size === 1 ? ([...zones][0] ?? null) : null;
}

customElements.define('clockfold-board', BoardPage);
