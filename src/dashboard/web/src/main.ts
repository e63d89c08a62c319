// Where the pages begin. The flow:
//
//   routes/: pages.ts (table) -> router.ts (address -> page)
//            -> shell.ts (navigation, connection, theme) -> the page's element
//   server/: graphql.ts (one question)  \
//            live.ts    (what follows)   > access.ts (may this browser read?) -> shell.ts (to /sign-in)
//            session.ts (sign in, out)  /
//
// The wings, of which each names only those before it:
//
//   base/    what an element is, values that are followed, this site's addresses, light or dark
//   text/    how things are told: words, times, a table as a file, the clipboard
//   server/  what asks the server: one question, what follows, who reads, its clock
//   routes/  which page an address shows; the page is loaded from here when it is shown, and nothing else knows it
//   parts/   what several pages show: the connection, a delivery, a stretch of time
//   pages/   a folder a page
//
// Pages know the server only by `server/`, and each other not at all.
import './base/theme.ts';
import './shell.ts';
