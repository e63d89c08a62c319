// What every element of the pages is: Lit, drawn into the page itself. One style sheet counts for all of them, ids
// may name each other, and the strict policy needs no exception.
import { LitElement } from 'lit';

export class Element extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}
