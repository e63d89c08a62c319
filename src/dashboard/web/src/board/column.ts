// One column: its name, its count, and the cards that are in sight. In: all its cards, in order. Out: only those that
// fit the window and a few more are in the document, so thousands cost what twenty cost. Each keeps its element as
// long as it is in sight.
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { Element } from '../element.ts';
import { countWords, type Place } from '../words.ts';
import { drawCard, type Manner } from './card.ts';
import type { Card } from './model.ts';

/** Cards above and below what is in sight. */
const MORE = 4;

export class BoardColumn extends Element {
  static override properties: PropertyDeclarations = {
    place: { attribute: false },
    name: { attribute: false },
    cards: { attribute: false },
    count: { attribute: false },
    manner: { attribute: false },
    tick: { attribute: false },
  };

  declare place: Place;
  declare name: string;
  /** The cards that are shown, in order. */
  declare cards: readonly Card[];
  /** How many appointments are in the column, shown or not. */
  declare count: number;
  declare manner: Manner;

  #list: HTMLElement | null = null;
  #cardHeight = 64;
  #height = 600;
  #scrolled = 0;
  /** The card that Tab leads to. */
  #active: string | null = null;
  readonly #sizes = new ResizeObserver(() => this.#measure());

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#sizes.disconnect();
    this.#list = null;
  }

  protected override updated(changed: PropertyValues<this>): void {
    const list = this.querySelector<HTMLElement>('.cards');
    if (list && list !== this.#list) {
      this.#list = list;
      this.#sizes.disconnect();
      this.#sizes.observe(list);
      this.#measure();
    }
    super.updated(changed);
  }

  protected override render(): TemplateResult {
    const { cards, count, name, place, manner } = this;
    const id = `column-${place}`;
    const first = Math.max(0, Math.floor(this.#scrolled / this.#cardHeight) - MORE);
    const last = Math.min(cards.length, Math.ceil((this.#scrolled + this.#height) / this.#cardHeight) + MORE);
    const active = Math.max(0, this.#active === null ? 0 : cards.findIndex((card) => card.key === this.#active));
    const shown = indices(first, last, active, cards.length);
    const untold = count - cards.length;
    return html`<section class="column" data-place=${place} aria-labelledby=${id}>
      <h2 id=${id}>
        ${name} <span class="count">${count.toLocaleString('en-US')}<span class="unseen"> appointments</span></span>
      </h2>
      <ul class="cards" role="list" @scroll=${this.#scroll} @keydown=${this.#key} @focusin=${this.#focus}>
        <li class="extent" role="presentation" .style=${`height:${cards.length * this.#cardHeight}px`}></li>
        ${repeat(
          shown,
          (index) => cards[index]?.key,
          (index) => {
            const card = cards[index] as Card;
            return html`<li
              class="slot"
              aria-setsize=${cards.length}
              aria-posinset=${index + 1}
              .style=${`transform:translateY(${index * this.#cardHeight}px)`}
            >
              ${drawCard(card, place, index === active, manner)}
            </li>`;
          },
        )}
      </ul>
      ${untold > 0 ? html`<p class="untold">${countWords(untold, 'more is', 'more are')} not listed here.</p>` : nothing}
    </section>`;
  }

  #measure(): void {
    if (!this.#list) return;
    const height = this.#list.clientHeight;
    const cardHeight = Number.parseFloat(getComputedStyle(this.#list).getPropertyValue('--card-px')) || this.#cardHeight;
    if (height === this.#height && cardHeight === this.#cardHeight) return;
    this.#height = height;
    this.#cardHeight = cardHeight;
    this.requestUpdate();
  }

  #scroll = (event: Event): void => {
    this.#scrolled = (event.target as HTMLElement).scrollTop;
    this.requestUpdate();
  };

  #focus = (event: Event): void => {
    this.#active = (event.target as HTMLElement).dataset.key ?? this.#active;
    this.requestUpdate();
  };

  #key = (event: KeyboardEvent): void => {
    void event;
  };
}

/** `first` to `last`, and one more wherever it is. */
function indices(first: number, last: number, also: number, length: number): number[] {
  const all = Array.from({ length: Math.max(0, last - first) }, (_, offset) => first + offset);
  if (also < length && also < first) all.unshift(also);
  if (also < length && also >= last) all.push(also);
  return all;
}

customElements.define('board-column', BoardColumn);
