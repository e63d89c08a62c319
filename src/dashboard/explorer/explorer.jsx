// The explorer: GraphiQL over this server's own `/graphql`, with nothing from elsewhere.
//
// The reader's token is in this page's memory and in the `Authorization` header of its requests. It is in no address
// and in no storage, and neither are queries, variables and headers, which may name patients' appointments: of what
// GraphiQL would keep, only the theme outlives the page.
import { GraphiQL } from 'graphiql';
import { getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-sse';
import { useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import 'graphiql/style.css';
import './explorer.css';

// Where the server's addresses begin: above this script, wherever a proxy has put both.
const { pathname: TOP } = new URL('..', import.meta.url);
const ENDPOINT = `${TOP}graphql`;
const KEPT = 'graphiql:theme';
const WELCOME = `# Ask what you like; the documentation is behind the book on the left.
#   Ctrl-Enter runs, Ctrl-Space completes.
{
  log { headPosition projection { lag } }
  statusCounts { status count }
  appointments(first: 10) {
    nodes { source appointmentId status statusSince }
  }
}
`;

/** A storage that forgets with the page, but for the theme. */
function forgetful() {
  const kept = new Map();
  return {
    get length() {
      return kept.size;
    },
    getItem: (key) => (key === KEPT ? localStorage.getItem(key) : (kept.get(key) ?? null)),
    setItem: (key, value) => (key === KEPT ? localStorage.setItem(key, value) : kept.set(key, value)),
    removeItem: (key) => (key === KEPT ? localStorage.removeItem(key) : kept.delete(key)),
    clear: () => kept.clear(),
  };
}

/** Asks over HTTP; subscriptions are told as server-sent events. */
function fetcherWith(token) {
  const authorization = token === '' ? {} : { Authorization: `Bearer ${token}` };
  return (params, options = {}) => {
    const headers = { ...authorization, ...options.headers };
    if (isSubscription(params)) {
      return createClient({ url: ENDPOINT, headers, retryAttempts: 0 }).iterate(params);
    }
    return ask(params, headers);
  };
}

/** Read off the query that is sent: what the editor has parsed may be a moment behind. */
function isSubscription({ query, operationName }) {
  try {
    return getOperationAST(parse(query), operationName)?.operation === 'subscription';
  } catch {
    // The server says what is wrong with it.
    return false;
  }
}

async function ask(params, headers) {
  const answer = await fetch(ENDPOINT, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json, application/json;q=0.9',
      ...headers,
    },
    body: JSON.stringify(params),
  });
  return answer.json();
}

function Explorer() {
  const [token, setToken] = useState('');
  const storage = useMemo(forgetful, []);
  const fetcher = useMemo(() => fetcherWith(token), [token]);
  return (
    <>
      <header>
        <strong>Clockfold</strong>
        <a href={`${TOP}schema.graphql`}>schema.graphql</a>
        <TokenField onToken={setToken} />
      </header>
      <GraphiQL
        fetcher={fetcher}
        storage={storage}
        defaultQuery={WELCOME}
        shouldPersistHeaders={false}
        showPersistHeadersSettings={false}
      />
    </>
  );
}

/** A field for the token that browsers neither complete nor remember. It counts once it is confirmed. */
function TokenField({ onToken }) {
  const take = (event) => {
    event.preventDefault();
    onToken(new FormData(event.currentTarget).get('token').trim());
  };
  return (
    <form onSubmit={take}>
      <label htmlFor="token">Reader’s token</label>
      <input id="token" name="token" type="password" autoComplete="off" placeholder="if one is needed" />
      <button type="submit">Use</button>
    </form>
  );
}

createRoot(document.getElementById('explorer')).render(<Explorer />);
