// Relay's runtime with the queries that relay-compiler has made, while webhooks flow: pages of a connection, and pages
// of a history by a refetch of `node`.
//   node relay.mjs http://127.0.0.1:8080 ROUTE_KEY
// Prints what it saw as one JSON object.
import runtime from 'relay-runtime';
import HistoryPage from './relay/__generated__/queriesHistoryPageQuery.graphql.js';
import List from './relay/__generated__/queriesListQuery.graphql.js';
import ListPage from './relay/__generated__/queriesAppointmentsPageQuery.graphql.js';
import { appointments, endpoint, historyPositions, longest, tally, traffic } from './server.mjs';

const { createOperationDescriptor, Environment, fetchQuery, Network, RecordSource, Store } = runtime;

async function ask({ text }, variables) {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query: text, variables }),
  });
  return answer.json();
}

const environment = new Environment({ network: Network.create(ask), store: new Store(new RecordSource()) });
const record = (id) => environment.getStore().getSource().get(id);

/** What the store has of a connection: its nodes over all pages, and where the next page begins, if there is one. */
function connection(owner, key) {
  const whole = record(`client:${owner}:__${key}_connection`);
  const info = record(whole.pageInfo.__ref);
  const nodes = whole.edges.__refs.map((edge) => record(record(edge).node.__ref));
  return { nodes, cursor: info.hasNextPage ? info.endCursor : null };
}

/** Fetches, and keeps what comes, as a component on the screen does. */
async function fetchAndRetain(query, variables) {
  environment.retain(createOperationDescriptor(query, variables));
  await fetchQuery(environment, query, variables).toPromise();
}

async function pages(first, next, variables, owner, key) {
  const posted = traffic();
  await fetchAndRetain(first, variables);
  for (let read = connection(owner, key); read.cursor !== null; read = connection(owner, key)) {
    await posted.between();
    await fetchAndRetain(next, { ...variables, cursor: read.cursor });
  }
  return { ...posted, nodes: connection(owner, key).nodes };
}

const listed = await pages(List, ListPage, { count: 7 }, 'root', 'queries_appointments');
const { id } = listed.nodes.find(({ appointmentId }) => appointmentId === longest);
const told = await pages(HistoryPage, HistoryPage, { id, count: 20 }, id, 'queries_history');

console.log(JSON.stringify({
  appointments: tally([...appointments, ...listed.ahead], listed.nodes.map(({ appointmentId }) => appointmentId)),
  history: tally([...historyPositions, ...listed.positions, ...told.positions], told.nodes.map(({ position }) => position)),
}));
