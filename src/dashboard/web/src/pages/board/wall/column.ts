// A column on a wall display: as many cards as fit, nothing to click. In: the same as a column. Out: a page of its
// cards; where there are more, the pages take turns, and the words below say which cards these are.
import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { Element } from '../../../base/element.ts';
import { numberWords, UNKNOWN, type Place } from '../../../text/words.ts';
import { drawCard, longestNumber, shapeOf, type Manner, type Shape } from '../cards/card.ts';
import type { Card } from '../model/board.ts';

/** Whoever has waited longest comes back soon: of many pages only the first take turns. */
const PAGES_MAX = 4;

export class WallColumn extends Element {
  static override properties: PropertyDeclarations = {
    place: { attribute: false },
    name: { attribute: false },
    cards: { attribute: false },
    count: { attribute: false },
    manner: { attribute: false },
    pageMs: { attribute: false },
  };

  declare place: Place;
  declare name: string;
  declare cards: readonly Card[];
  /** How many appointments are in the column; null while nobody knows. */
  declare count: number | null;
  declare manner: Manner;
  /** How long a page of cards stands. */
  declare pageMs: number;

  #fits = 1_000;
  #shape: Shape = { number: 'beside-time', cardPx: 64 };
  readonly #sizes = new ResizeObserver(() => this.#measure());

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#sizes.disconnect();
  }

  protected override firstUpdated(): void {
    const list = this.querySelector('.cards');
    if (list) this.#sizes.observe(list);
  }

  protected override updated(): void {
    // How high a card is may have changed.
    this.#measure();
  }

  protected override render(): TemplateResult {
    const { cards, count, name, place, manner } = this;
    const id = `column-${place}`;
    const pages = Math.min(PAGES_MAX, Math.ceil(cards.length / this.#fits));
    const page = pages > 1 ? Math.floor(performance.now() / this.pageMs) % pages : 0;
    const from = page * this.#fits;
    const shown = cards.slice(from, from + this.#fits);
    return html`<section class="column" data-place=${place} aria-labelledby=${id}>
      <h2 id=${id}>${name} <span class="count">${count === null ? UNKNOWN : numberWords(count)}</span></h2>
      <ul class="cards" role="list" aria-labelledby=${id}>
        ${shown.map((card) => html`<li class="slot">${drawCard(card, place, false, manner, this.#shape)}</li>`)}
      </ul>
      ${pages > 1
        ? html`<p class="turn">${from + 1}–${from + shown.length} of ${numberWords(count ?? cards.length)}</p>`
        : nothing}
    </section>`;
  }

  #measure(): void {
    const list = this.querySelector<HTMLElement>('.cards');
    if (!list) return;
    const shape = shapeOf(longestNumber(this.cards), list.clientWidth, this.manner);
    const fits = Math.max(1, Math.floor(list.clientHeight / shape.cardPx));
    if (fits === this.#fits && shape.number === this.#shape.number) return;
    this.#fits = fits;
    this.#shape = shape;
    this.requestUpdate();
  }
}

customElements.define('wall-column', WallColumn);
