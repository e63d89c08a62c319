// The raw body of a delivery. In: which one. Out: nothing before somebody opens it; then the text byte for byte, or its
// base64 where it is not UTF-8. Only admins are given this element, and the server tells nobody else a body.
import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import './copy-button.ts';
import { Element } from '../base/element.ts';
import { query, wordsOf } from '../server/graphql.ts';

interface Told {
  body: string | null;
  bodyBase64: string | null;
  bodyErased: boolean;
}

class DeliveryBody extends Element {
  static override properties: PropertyDeclarations = {
    delivery: { attribute: false },
    position: { attribute: false },
    erased: { attribute: false },
  };

  declare delivery: string;
  declare position: string;
  declare erased: boolean;
  #told: Told | null = null;
  #of: string | null = null;
  #error: string | null = null;

  protected override render(): TemplateResult {
    if (this.erased) return html`<p class="quiet erased">The body was erased.</p>`;
    return html`<details class="raw-body" @toggle=${this.#toggle}>
      <summary>Raw body<span class="unseen"> of delivery ${this.position}</span></summary>
      ${this.#of === this.delivery ? this.#shown() : nothing}
    </details>`;
  }

  #shown(): TemplateResult {
    if (this.#error) return html`<p role="alert">${this.#error}</p>`;
    if (!this.#told) return html`<p class="quiet">…</p>`;
    const { body, bodyBase64, bodyErased } = this.#told;
    if (bodyErased) return html`<p class="quiet erased">The body was erased.</p>`;
    if (body === null) {
      return html`<p class="quiet">The body is not UTF-8. As base64:</p>
        ${this.#block(bodyBase64 ?? '', 'base64')}`;
    }
    return body === '' ? html`<p class="quiet">The body is empty.</p>` : this.#block(body, 'text');
  }

  #block(text: string, form: string): TemplateResult {
    return html`<pre tabindex="0" aria-label="Raw body of delivery ${this.position}" data-form=${form}>${text}</pre>
      <copy-button .text=${text} .what=${`the raw body of delivery ${this.position}`}></copy-button>`;
  }

  #toggle = (event: Event): void => {
    if ((event.target as HTMLDetailsElement).open && this.#of !== this.delivery) void this.#load(this.delivery);
  };

  async #load(id: string): Promise<void> {
    [this.#of, this.#told, this.#error] = [id, null, null];
    this.requestUpdate();
    try {
      const document = 'query Body($id: ID!) { node(id: $id) { ... on Delivery { body bodyBase64 bodyErased } } }';
      const { node } = await query<{ node: Told | null }>(document, { id });
      if (this.#of === id) this.#told = node;
      if (!node) this.#error = 'The server does not know this delivery any more.';
    } catch (error) {
      if (this.#of === id) this.#error = wordsOf(error);
    }
    this.requestUpdate();
  }
}

customElements.define('delivery-body', DeliveryBody);
