// Apollo Client with its WebSocket link: changes come in, and the cache that queries read from follows them.
//   node apollo-live.mjs http://127.0.0.1:8080 ROUTE_KEY
// Prints what it saw as one JSON object.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { deliver, endpoint } from './server.mjs';

const socket = createClient({ url: endpoint.replace('http', 'ws'), webSocketImpl: WebSocket });
const link = ApolloLink.split(
  ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
  new GraphQLWsLink(socket),
  new HttpLink({ uri: endpoint }),
);
const client = new ApolloClient({ link, cache: new InMemoryCache({ possibleTypes: { Node: ['Appointment', 'Delivery'] } }) });

const ONE = gql`query One { appointment(source: "downtown", appointmentId: "7001") { id status } }`;
const CHANGES = gql`
  subscription Changes($after: Position) {
    appointmentChanged(source: "downtown", appointmentIds: ["7001"], after: $after) {
      position
      statusBefore
      appointment { id status }
    }
  }`;

const created = await deliver(7001, 'create');
await client.query({ query: ONE });
const changes = [];
const shown = [];
const done = new Promise((resolve, reject) => {
  client.subscribe({ query: CHANGES, variables: { after: created.position } }).subscribe({
    next: ({ data, error }) => {
      if (error) return reject(error);
      changes.push(data.appointmentChanged);
      // No query is sent: the cache has it from the subscription.
      shown.push(client.readQuery({ query: ONE }).appointment.status);
      if (changes.length === 4) resolve();
    },
    error: reject,
  });
});
for (const event of ['checkin', 'ready', 'undo_ready', 'callback']) await deliver(7001, event);
await done;
client.stop();
await socket.dispose();
console.log(JSON.stringify({ before: changes.map(({ statusBefore }) => statusBefore), shown }));
