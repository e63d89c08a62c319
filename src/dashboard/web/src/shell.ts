// What is around every page: the product's name, the way to the other pages, how the connection is, light or dark.
// In: the route and the connection. Out: the page's element, loaded when it is needed.
import { html, nothing, type TemplateResult } from 'lit';
import { Element } from './element.ts';
import { wordsOf } from './graphql.ts';
import { connection } from './live.ts';
import { pages, type Page } from './pages.ts';
import { route } from './router.ts';
import { Follow } from './state.ts';
import { theme, type Theme } from './theme.ts';

class App extends Element {
  readonly #loaded = new Map<Page, 'loading' | 'there' | Error>();
  #shown: Page | null = null;

  constructor() {
    super();
    new Follow(this, route, connection, theme);
  }

  protected override render(): TemplateResult {
    const { page } = route.value;
    document.title = page ? `${page.title} · Clockfold` : 'Clockfold';
    return html`<a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <span class="brand">Clockfold</span>
        <nav aria-label="Pages">
          <ul>
            ${pages.map(({ link, path }) =>
              link
                ? html`<li>
                    <a href=${link.href} aria-current=${path.test(route.value.url.pathname) ? 'page' : nothing}>${link.words}</a>
                  </li>`
                : nothing,
            )}
          </ul>
        </nav>
        <label class="theme"
          ><span>Theme</span>
          <select @change=${(event: Event) => (theme.value = (event.target as HTMLSelectElement).value as Theme)}>
            ${(['auto', 'light', 'dark'] as const).map(
              (value) => html`<option value=${value} ?selected=${theme.value === value}>${value}</option>`,
            )}
          </select></label
        >
      </header>
      <main id="main" tabindex="-1">${this.#page(page)}</main>`;
  }

  #page(page: Page | null): TemplateResult | typeof nothing {
    if (!page) {
      return html`<div class="notice">
        <h1>There is no page at this address</h1>
        <p>The <a href="/">board</a> is at <code>/</code>.</p>
      </div>`;
    }
    const state = this.#loaded.get(page);
    if (state === 'there') return page.draw(route.value);
    if (state instanceof Error) {
      return html`<div class="notice" role="alert">
        <h1>This page could not be loaded</h1>
        <p>${wordsOf(state)} Is the server running? Load the page again.</p>
      </div>`;
    }
    if (state === undefined) {
      this.#loaded.set(page, 'loading');
      page.load().then(
        () => this.#loaded.set(page, 'there'),
        (error: unknown) => this.#loaded.set(page, error instanceof Error ? error : new Error(String(error))),
      ).finally(() => this.requestUpdate());
    }
    return nothing;
  }

  protected override updated(): void {
    const { page } = route.value;
    if (this.#shown === page) return;
    // Who came from another page hears and reads the new one from its beginning.
    if (this.#shown !== null) this.querySelector<HTMLElement>('main')?.focus();
    this.#shown = page;
  }
}

customElements.define('clockfold-app', App);
