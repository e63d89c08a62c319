// One column: its name, its count, and the cards that are in sight. In: all its cards, in order. Out: only those that
// fit the window and a few more are in the document, so thousands cost what twenty cost. Each keeps its element as
// long as it is in sight; the keyboard walks through all of them.
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { Element } from '../../../base/element.ts';
import { numberWords, UNKNOWN, type Place } from '../../../text/words.ts';
import { drawCard, longestNumber, shapeOf, type Manner, type Shape } from './card.ts';
import type { Card } from '../model/board.ts';

/** Cards above and below what is in sight. */
const MORE = 4;

/** Asks for the neighbouring column. */
export type Sideways = CustomEvent<-1 | 1>;

export class BoardColumn extends Element {
  static override properties: PropertyDeclarations = {
    place: { attribute: false },
    name: { attribute: false },
    cards: { attribute: false },
    count: { attribute: false },
    untold: { attribute: false },
    filtered: { attribute: false },
    manner: { attribute: false },
  };

  declare place: Place;
  declare name: string;
  /** The cards that are shown, in order. */
  declare cards: readonly Card[];
  /** How many appointments are in the column, shown or not; null while nobody knows. */
  declare count: number | null;
  /** How many of them the server did not tell. */
  declare untold: number;
  /** Whether cards may be left out on purpose. */
  declare filtered: boolean;
  declare manner: Manner;

  #list: HTMLElement | null = null;
  #shape: Shape = { number: 'beside-time', cardPx: 64 };
  #longest = 0;
  #height = 600;
  #scrolled = 0;
  /** The card that Tab leads to, and where it was last. */
  #active: string | null = null;
  #activeIndex = 0;
  /** Whether a card has the focus, also while it is taken away; and whether one is to have it. */
  #focused = false;
  #wantsFocus = false;
  readonly #sizes = new ResizeObserver(() => this.#measure());

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#sizes.disconnect();
    this.#list = null;
  }

  /** Moves the focus to the card with this index, or to the one that had it last. */
  focusCard(index = this.#activeIndex): boolean {
    const at = Math.min(Math.max(index, 0), this.cards.length - 1);
    const card = this.cards[at];
    if (!card) return false;
    this.#active = card.key;
    this.#activeIndex = at;
    this.#wantsFocus = true;
    this.#scrollTo(at);
    this.requestUpdate();
    return true;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('cards')) this.#longest = longestNumber(this.cards);
    // At first nobody knows how wide the list is.
    if (this.#list) this.#shape = this.#newShape(this.#list);
    const index = this.#active === null ? -1 : this.cards.findIndex((card) => card.key === this.#active);
    // Where the card has gone, its place stays.
    this.#activeIndex = index >= 0 ? index : Math.max(0, Math.min(this.#activeIndex, this.cards.length - 1));
    if (index < 0 && this.#active !== null) this.#active = this.cards[this.#activeIndex]?.key ?? null;
  }

  protected override render(): TemplateResult {
    const { cards, place, manner } = this;
    const id = `column-${place}`;
    const first = Math.max(0, Math.floor(this.#scrolled / this.#shape.cardPx) - MORE);
    const last = Math.min(cards.length, Math.ceil((this.#scrolled + this.#height) / this.#shape.cardPx) + MORE);
    return html`<section class="column" data-place=${place} aria-labelledby=${id}>
      <h2 id=${id} tabindex="-1">${this.name} ${this.#count()}</h2>
      <ul
        class="cards"
        role="list"
        aria-labelledby=${id}
        aria-describedby="board-keys"
        .style=${`--extent:${cards.length * this.#shape.cardPx}px`}
        @scroll=${this.#scroll}
        @keydown=${this.#key}
        @focusin=${this.#focusIn}
        @focusout=${this.#focusOut}
      >
        ${repeat(
          indices(first, last, this.#activeIndex, cards.length),
          (index) => cards[index]?.key,
          (index) =>
            html`<li
              class="slot"
              aria-setsize=${cards.length}
              aria-posinset=${index + 1}
              .style=${`transform:translateY(${index * this.#shape.cardPx}px)`}
            >
              ${drawCard(cards[index] as Card, place, index === this.#activeIndex, manner, this.#shape)}
            </li>`,
        )}
      </ul>
      ${this.untold > 0
        ? html`<p class="untold">${numberWords(this.untold)} more are not listed: the server tells so many of a column.</p>`
        : nothing}
    </section>`;
  }

  protected override updated(): void {
    const list = this.querySelector<HTMLElement>('.cards');
    if (list && list !== this.#list) {
      this.#list = list;
      this.#sizes.disconnect();
      this.#sizes.observe(list);
      this.#measure();
    }
    const lost = this.#focused && document.activeElement === document.body;
    if (!list || !(lost || this.#wantsFocus)) return;
    // Where the card that had the focus has gone, the one in its place has it now, or else the column's name.
    this.#wantsFocus = false;
    const card = list.querySelector<HTMLElement>('[tabindex="0"]');
    (card ?? this.querySelector<HTMLElement>('h2'))?.focus({ preventScroll: true });
  }

  #count(): TemplateResult {
    if (this.count === null) return html`<span class="count">${UNKNOWN}<span class="unseen"> not known yet</span></span>`;
    const all = numberWords(this.count);
    const words = this.filtered ? `${numberWords(this.cards.length)} of ${all}` : all;
    return html`<span class="count">${words}<span class="unseen"> appointments</span></span>`;
  }

  #measure(): void {
    if (!this.#list) return;
    const height = this.#list.clientHeight;
    const { number, cardPx } = this.#newShape(this.#list);
    if (height === this.#height && number === this.#shape.number && cardPx === this.#shape.cardPx) return;
    this.#height = height;
    this.requestUpdate();
  }

  #newShape({ clientWidth }: HTMLElement): Shape {
    return shapeOf(this.#longest, clientWidth, this.manner);
  }

  /** Brings a card into sight. */
  #scrollTo(index: number): void {
    if (!this.#list) return;
    const [top, bottom] = [index * this.#shape.cardPx, (index + 1) * this.#shape.cardPx];
    if (top < this.#list.scrollTop) this.#list.scrollTop = top;
    else if (bottom > this.#list.scrollTop + this.#height) this.#list.scrollTop = bottom - this.#height;
    this.#scrolled = this.#list.scrollTop;
  }

  #scroll = (event: Event): void => {
    this.#scrolled = (event.target as HTMLElement).scrollTop;
    this.requestUpdate();
  };

  #focusIn = (event: Event): void => {
    this.#focused = true;
    const key = (event.target as HTMLElement).dataset.key;
    if (!key || key === this.#active) return;
    this.#active = key;
    this.requestUpdate();
  };

  #focusOut = ({ target }: FocusEvent): void => {
    // One that was taken away has given the focus to nobody: then `updated` gives it on.
    queueMicrotask(() => {
      if ((target as HTMLElement).isConnected) this.#focused = this.#list?.contains(document.activeElement) ?? false;
    });
  };

  #key = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.#height / this.#shape.cardPx) - 1);
    const steps: Record<string, number> = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -1e9, End: 1e9 };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      this.focusCard(this.#activeIndex + step);
    } else if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
      event.preventDefault();
      const detail = event.key === 'ArrowLeft' ? -1 : 1;
      this.dispatchEvent(new CustomEvent('sideways', { bubbles: true, detail }));
    }
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
