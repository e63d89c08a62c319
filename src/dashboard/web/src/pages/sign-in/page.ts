// Signing in. In: a token that a person types, and in the address where they wanted to go. Out: a session, or why not.
// The token stands nowhere but in its field, and not there once it was sent.
import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { access } from '../../server/access.ts';
import { Element } from '../../base/element.ts';
import { wordsOf } from '../../server/graphql.ts';
import { addressAfter, go, type Route } from '../../routes/router.ts';
import { signIn } from '../../server/session.ts';
import './sign-in.css';

/** A token is shorter; a longer text was pasted by mistake. */
const TOKEN_CHARACTERS_MAX = 512;

export class SignInPage extends Element {
  static override properties: PropertyDeclarations = {
    route: { attribute: false },
    error: { state: true },
    busy: { state: true },
  };

  declare route: Route;
  declare error: string | null;
  declare busy: boolean;

  constructor() {
    super();
    this.error = null;
    this.busy = false;
  }

  protected override firstUpdated(): void {
    this.#field?.focus();
  }

  protected override render(): TemplateResult {
    const ended = this.route.url.searchParams.get('why') === 'ended';
    return html`<div class="sign-in">
      <h1>Sign in</h1>
      ${ended
        ? html`<p class="notice-line">You are signed out: nobody was at the page for a while, you signed out in another window, or your token was replaced or has expired.</p>`
        : nothing}
      <form @submit=${this.#submit}>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          required
          maxlength=${TOKEN_CHARACTERS_MAX}
          aria-describedby="token-help token-error"
          aria-invalid=${this.error ? 'true' : 'false'}
        />
        <p id="token-error" class="error" role="alert">${this.error ?? ''}</p>
        <button type="submit" class="primary" ?disabled=${this.busy}>${this.busy ? 'Signing in…' : 'Sign in'}</button>
      </form>
      <div id="token-help" class="help">
        <p>
          You get your token from whoever runs Clockfold here. It is typed once; then a cookie that no script can read stands
          for it in this browser, until you sign out.
        </p>
        <details>
          <summary>Where a token comes from</summary>
          <p>
            It is the <code>token</code> of a <code>[[reader]]</code> in the server's configuration, <code>clockfold.toml</code>.
            <code>clockfold key new</code> makes a new one; the server reads it when it starts.
          </p>
        </details>
      </div>
    </div>`;
  }

  get #field(): HTMLInputElement | null {
    return this.querySelector('input');
  }

  #submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const field = this.#field;
    const token = field?.value.trim();
    if (!field || !token || this.busy) return;
    this.busy = true;
    this.error = null;
    try {
      await signIn(token);
      field.value = '';
      access.value = 'in';
      go(addressAfter(this.route.url), 'replace');
    } catch (error) {
      this.error = wordsOf(error);
      field.select();
      field.focus();
    } finally {
      this.busy = false;
    }
  };
}

customElements.define('clockfold-sign-in', SignInPage);
