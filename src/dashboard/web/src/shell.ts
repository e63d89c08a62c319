// What is around every page: the product's name, the way to the other pages, how the connection is, light or dark,
// who is signed in. In: the route, the connection, who reads. Out: the page's element, loaded when it is needed; and
// nothing of it once this browser may not read any more.
import { html, nothing, type TemplateResult } from 'lit';
import { access } from './server/access.ts';
import { address } from './base/address.ts';
import './parts/connection.ts';
import { Element } from './base/element.ts';
import { RequestError, wordsOf } from './server/graphql.ts';
import { pages, type Page } from './routes/pages.ts';
import { go, route, signInFrom } from './routes/router.ts';
import { ask, me, signOut } from './server/session.ts';
import { Follow } from './base/state.ts';
import { theme, type Theme } from './base/theme.ts';

const THEMES: Record<Theme, string> = { auto: 'Auto', light: 'Light', dark: 'Dark' };

class App extends Element {
  readonly #loaded = new Map<Page, 'loading' | 'there' | Error>();
  #shown: Page | null = null;
  /** Whether this browser could read before it was told to sign in. */
  #wasIn = false;
  #problem: string | null = null;

  constructor() {
    super();
    new Follow(this, route, me, theme);
    access.follow(() => this.#admit());
    void ask();
  }

  protected override render(): TemplateResult {
    const { page, url } = route.value;
    // A wall display: nobody clicks there.
    const wall = page !== null && !page.open && url.searchParams.get('tv') === '1';
    document.documentElement.classList.toggle('tv', wall);
    document.title = page ? `${page.title} · Clockfold` : 'Clockfold';
    if (wall) return html`<main id="main" class="wall">${this.#page(page)}</main>`;
    return html`<a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <span class="brand">Clockfold</span>
        ${this.#navigation()}
        <clockfold-connection></clockfold-connection>
        ${this.#choices()}
      </header>
      <main id="main" tabindex="-1">${this.#page(page)}</main>`;
  }

  #navigation(): TemplateResult | typeof nothing {
    const here = route.value.page;
    if (here?.open) return nothing;
    return html`<nav aria-label="Pages">
      <ul>
        ${pages.map((page) =>
          page.link
            ? html`<li>
                <a href=${address(page.link.href)} aria-current=${page === here ? 'page' : nothing}>${page.link.words}</a>
              </li>`
            : nothing,
        )}
      </ul>
    </nav>`;
  }

  #choices(): TemplateResult {
    const who = me.value instanceof RequestError ? null : me.value?.reader;
    return html`<div class="choices">
      <label class="choice"
        ><span class="unseen">Light or dark</span>
        <select @change=${(event: Event) => (theme.value = (event.target as HTMLSelectElement).value as Theme)}>
          ${Object.entries(THEMES).map(
            ([value, words]) => html`<option value=${value} ?selected=${theme.value === value}>${words}</option>`,
          )}
        </select></label
      >
      ${who?.signedIn
        ? html`<span class="who">${who.name}</span> <button type="button" @click=${this.#signOut}>Sign out</button>`
        : nothing}
      <span class="error" role="alert">${this.#problem ?? ''}</span>
    </div>`;
  }

  #page(page: Page | null): TemplateResult | typeof nothing {
    if (!page) {
      return notice('There is no page at this address', html`The <a href=${address('')}>board</a> is at <code>${address('')}</code>.`);
    }
    if (!page.open && access.value === 'out') return nothing;
    if (!page.open && me.value instanceof RequestError && me.value.kind === 'refused') {
      return notice('The server does not answer this browser', html`${wordsOf(me.value)}`);
    }
    const state = this.#loaded.get(page);
    if (state === 'there') return page.draw(route.value);
    if (state instanceof Error) {
      return notice(
        'This page could not be loaded',
        html`Is the server running, and is this computer connected to it? Then load the page again. (${wordsOf(state)})`,
      );
    }
    if (state === undefined) void this.#load(page);
    return nothing;
  }

  async #load(page: Page): Promise<void> {
    this.#loaded.set(page, 'loading');
    try {
      await page.load();
      this.#loaded.set(page, 'there');
    } catch (error) {
      this.#loaded.set(page, error instanceof Error ? error : new Error(String(error)));
    }
    this.requestUpdate();
  }

  protected override updated(): void {
    const { page } = route.value;
    if (this.#shown === page) return;
    // Who came from another page hears and reads the new one from its beginning.
    if (this.#shown !== null) this.querySelector<HTMLElement>('main')?.focus();
    this.#shown = page;
  }

  /** Hides everything and asks for a sign-in where that is wanted. */
  #admit(): void {
    const { page, url } = route.value;
    if (access.value === 'in') this.#wasIn = true;
    if (access.value === 'out' && !page?.open) {
      const to = signInFrom(url);
      if (this.#wasIn && !this.#leaving) to.searchParams.set('why', 'ended');
      this.#wasIn = false;
      go(to, 'replace');
    }
    this.requestUpdate();
  }

  #leaving = false;

  #signOut = async (): Promise<void> => {
    this.#leaving = true;
    this.#problem = null;
    try {
      await signOut();
    } catch (error) {
      this.#problem = wordsOf(error);
    }
    this.#leaving = false;
    this.requestUpdate();
  };
}

function notice(title: string, words: TemplateResult): TemplateResult {
  return html`<div class="notice" role="alert">
    <h1>${title}</h1>
    <p>${words}</p>
  </div>`;
}

customElements.define('clockfold-app', App);
