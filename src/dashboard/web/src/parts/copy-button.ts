// A button that copies a text, and says that it has.
import { html, type PropertyDeclarations, type TemplateResult } from 'lit';
import { copyText } from '../text/copy.ts';
import { Element } from '../base/element.ts';

/** How long it says so. */
const SAID_MS = 2_000;

class CopyButton extends Element {
  static override properties: PropertyDeclarations = { text: { attribute: false }, what: { attribute: false } };

  declare text: string;
  /** What is copied, for who hears the button and does not see what it stands beside. */
  declare what: string;
  #said: 'copied' | 'failed' | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  protected override render(): TemplateResult {
    const words = { copied: 'Copied', failed: 'Select it and copy by hand' };
    return html`<button type="button" class="small" @click=${this.#copy}>Copy<span class="unseen"> ${this.what}</span></button>
      <span class="quiet" role="status">${this.#said ? words[this.#said] : ''}</span>`;
  }

  #copy = async (): Promise<void> => {
    this.#said = (await copyText(this.text)) ? 'copied' : 'failed';
    this.requestUpdate();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#said = null;
      this.requestUpdate();
    }, SAID_MS);
  };
}

customElements.define('copy-button', CopyButton);
