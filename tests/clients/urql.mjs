// urql with its normalised cache and Relay paging, while webhooks flow.
//   node urql.mjs http://127.0.0.1:8080 ROUTE_KEY
// Prints what it saw as one JSON object.
import { Client, fetchExchange, gql } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { getIntrospectionQuery } from 'graphql';
import { appointments, deliver, endpoint, tally, traffic } from './server.mjs';

const introspected = await fetch(endpoint, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ query: getIntrospectionQuery() }),
});
const schema = (await introspected.json()).data;
const client = new Client({
  url: endpoint,
  preferGetMethod: true,
  exchanges: [cacheExchange({ schema, resolvers: { Query: { appointments: relayPagination() } } }), fetchExchange],
});

const LIST = gql`
  query List($first: Int!, $after: String) {
    appointments(first: $first, after: $after) {
      edges { cursor node { id appointmentId status } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }`;
const ONE = gql`
  query One($appointmentId: ID!) { appointment(source: "downtown", appointmentId: $appointmentId) { id status } }`;

async function ask(query, variables, options) {
  const result = await client.query(query, variables, options).toPromise();
  if (result.error) throw result.error;
  return result.data;
}

const posted = traffic();
let list = (await ask(LIST, { first: 7 })).appointments;
while (list.pageInfo.hasNextPage) {
  await posted.between();
  list = (await ask(LIST, { first: 7, after: list.pageInfo.endCursor })).appointments;
}

const changed = appointments[5];
await deliver(Number(changed), 'remove');
await ask(ONE, { appointmentId: changed }, { requestPolicy: 'network-only' });
const again = (await ask(LIST, { first: 7 }, { requestPolicy: 'cache-only' })).appointments;
console.log(JSON.stringify({
  appointments: tally([...appointments, ...posted.ahead], list.edges.map(({ node }) => node.appointmentId)),
  changed: again.edges.find(({ node }) => node.appointmentId === changed).node.status,
}));
