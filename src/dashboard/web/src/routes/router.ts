// Which page an address shows. In: clicks on links of this site, and the browser's back and forward. Out: the page's
// row of the table and the address, as a value to follow. A link to anything else is left to the browser.
import { address, belowTop, TOP } from '../base/address.ts';
import { pages, type Page } from './pages.ts';
import { State } from '../base/state.ts';

const SIGN_IN = '/sign-in';
/** A parameter of the address: where to go once one has signed in, from the slash below the top on. */
const NEXT = 'next';

/** A page at an address; `page` is null where no page has it. */
export interface Route {
  page: Page | null;
  /** The named parts of the path, decoded. */
  parts: Record<string, string>;
  url: URL;
}

export const route = new State<Route>(find(new URL(location.href)));

/** Goes to an address of this site. `replace` leaves no step back: for a filter, not for a page. */
export function go(to: string | URL, how: 'push' | 'replace' = 'push'): void {
  const url = new URL(to, location.href);
  if (url.href === location.href && how === 'push') return;
  history[how === 'push' ? 'pushState' : 'replaceState'](null, '', url);
  route.value = find(url);
}

/** Sets or, with null, takes away parameters of the address. */
export function setParameters(parameters: Record<string, string | null>): void {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null || value === '') url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  go(url, 'replace');
}

/** Where one signs in, and goes on to an address from. */
export function signInFrom(from: URL): URL {
  const to = new URL(address(SIGN_IN.slice(1)), TOP);
  const next = (belowTop(from) ?? '/') + from.search;
  if (next !== '/') to.searchParams.set(NEXT, next);
  return to;
}

/** The address to go on to from there, which somebody else may have written: below the top, and the board's for any other. */
export function addressAfter(signIn: URL): URL {
  const text = signIn.searchParams.get(NEXT);
  // `//host` and `/\host` are other sites' addresses, and `/..//host` becomes one.
  if (!text || !/^\/(?![/\\])/.test(text)) return TOP;
  const url = new URL(`.${text}`, TOP);
  const path = belowTop(url);
  // Whoever has signed in has nothing to do where one signs in.
  return path === null || path.startsWith('//') || path === SIGN_IN ? TOP : url;
}

addEventListener('popstate', () => (route.value = find(new URL(location.href))));

addEventListener('click', (event) => {
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  const link = (event.target as Element | null)?.closest?.('a');
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute('download')) return;
  const url = new URL(link.href);
  // Also what is only another place in this page.
  const here = url.pathname === location.pathname && url.search === location.search && url.hash !== '';
  if (url.origin !== location.origin || here || !find(url).page) return;
  event.preventDefault();
  go(url);
});

function find(url: URL): Route {
  for (const page of pages) {
    const found = page.path.exec(belowTop(url) ?? '');
    if (!found) continue;
    try {
      const parts = Object.entries(found.groups ?? {}).map(([name, part]) => [name, decodeURIComponent(part)]);
      return { page, parts: Object.fromEntries(parts), url };
    } catch {
      break; // a stray % in the path
    }
  }
  return { page: null, parts: {}, url };
}
