// Where the pages begin. The flow:
//
//   pages.ts (table) -> router.ts (address -> page) -> shell.ts (navigation, connection, theme) -> the page's element
//   graphql.ts (one question)  \
//   live.ts    (what follows)   > access.ts (may this browser read?) -> shell.ts (to /sign-in)
//   session.ts (sign in, out)  /
//
// Pages know the server only by graphql.ts, live.ts and session.ts, and each other not at all.
import './theme.ts';
import './shell.ts';
