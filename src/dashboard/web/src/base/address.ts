// Where this site's addresses begin. In: where this script was loaded from. Out: addresses below that. A proxy may have put
// the pages under a path of another site and tells nobody; so no address here begins at the site's top.

/** Built, every script is in `assets/`. */
const script = import.meta.url;

/** The board's own address, with a slash at its end. */
export const TOP = new URL('..', script);

/** An address below the top, such as `graphql` or `charts?by=day`; the board's own is ``. */
export function address(below: string): string {
  return TOP.pathname + below;
}

/** What an address has below the top, from the slash on: `/charts`; null where it is not there. */
export function belowTop({ origin, pathname }: URL): string | null {
  return origin === TOP.origin && pathname.startsWith(TOP.pathname) ? pathname.slice(TOP.pathname.length - 1) : null;
}
