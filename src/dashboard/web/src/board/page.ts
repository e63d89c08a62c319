// The board. In: its address, which has the filters. Out: a column a status that moves as deliveries arrive.
import { html, type PropertyDeclarations, type TemplateResult } from 'lit';
import { Element } from '../element.ts';
import type { Route } from '../router.ts';
import { STATUSES, statusWords, type Place } from '../words.ts';
import type { Manner } from './card.ts';
import './column.ts';
import { BoardStore } from './store.ts';

/** How often times are told anew. */
const TICK_MS = 1_000;

export class BoardPage extends Element {
  static override properties: PropertyDeclarations = { route: { attribute: false } };

  declare route: Route;

  readonly #store = new BoardStore((touched) => this.#draw(touched));
  #ticking: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#store.follow({ source: null, endedWithinHours: 24 });
    this.#ticking = setInterval(() => this.requestUpdate(), TICK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#ticking);
    this.#store.stop();
  }

  protected override render(): TemplateResult {
    const { board, clock, fresh } = this.#store;
    const manner: Manner = {
      now: clock.now(),
      thresholds: new Map(),
      showSource: true,
      links: true,
      isFresh: (key) => fresh.has(key),
    };
    return html`<h1 tabindex="-1">Board</h1>
      <div class="columns">
        ${STATUSES.map((status) => {
          const list = board.list(status);
          return html`<board-column
            .place=${status}
            .name=${statusWords(status)}
            .cards=${list.cards}
            .count=${list.count}
            .manner=${manner}
          ></board-column>`;
        })}
      </div>`;
  }

  #draw(_: ReadonlySet<Place>): void {
    this.requestUpdate();
  }
}

customElements.define('clockfold-board', BoardPage);
