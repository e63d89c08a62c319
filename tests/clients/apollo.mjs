// Apollo Client, with a normalised cache and its own paging, while webhooks flow.
//   node apollo.mjs http://127.0.0.1:8080 ROUTE_KEY
// Prints what it saw as one JSON object.
import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { filter, firstValueFrom } from 'rxjs';
import { relayStylePagination } from '@apollo/client/utilities';
import { appointments, deliver, endpoint, historyPositions, longest, tally, traffic } from './server.mjs';

const cache = new InMemoryCache({
  possibleTypes: { Node: ['Appointment', 'Delivery'] },
  typePolicies: {
    Query: { fields: { appointments: relayStylePagination(['filter']) } },
    Appointment: { fields: { history: relayStylePagination() } },
  },
});
const client = new ApolloClient({ link: new HttpLink({ uri: endpoint }), cache });

const LIST = gql`
  query List($first: Int!, $after: String, $filter: AppointmentFilter) {
    appointments(first: $first, after: $after, filter: $filter) {
      edges { cursor node { id appointmentId status } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }`;
const HISTORY = gql`
  query History($appointmentId: ID!, $first: Int!, $after: String) {
    appointment(source: "downtown", appointmentId: $appointmentId) {
      id
      history(first: $first, after: $after) {
        edges { cursor node { id position outcome } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
  }`;
const ONE = gql`
  query One($appointmentId: ID!, $asOfPosition: Position) {
    appointment(source: "downtown", appointmentId: $appointmentId, asOfPosition: $asOfPosition) { id appointmentId status }
  }`;
const NODE = gql`query ById($id: ID!) { node(id: $id) { id ... on Appointment { status } } }`;

/** Fetches page after page into one list, as `fetchMore` merges them. Returns what is expected in it, and its edges. */
async function pages(query, variables, connection) {
  const posted = traffic();
  const watched = client.watchQuery({ query, variables, fetchPolicy: 'network-only' });
  await firstValueFrom(watched.pipe(filter(({ dataState }) => dataState === 'complete')));
  const list = () => connection(cache.readQuery({ query, variables }));
  while (list().pageInfo.hasNextPage) {
    await posted.between();
    await watched.fetchMore({ variables: { after: list().pageInfo.endCursor } });
  }
  return { ...posted, edges: list().edges };
}

const listed = await pages(LIST, { first: 7 }, (data) => data.appointments);
const told = await pages(HISTORY, { appointmentId: longest, first: 10 }, (data) => data.appointment.history);

// One entry an appointment, whichever query brought it: what one query learns, the other's list shows.
const inTheList = () => cache.readQuery({ query: LIST, variables: { first: 7 } }).appointments.edges
  .find(({ node }) => node.appointmentId === longest).node.status;
const one = await client.query({ query: ONE, variables: { appointmentId: longest }, fetchPolicy: 'network-only' });
const before = inTheList();
await deliver(Number(longest), 'checkin');
await client.query({ query: ONE, variables: { appointmentId: longest }, fetchPolicy: 'network-only' });
const afterwards = inTheList();
await client.query({ query: ONE, variables: { appointmentId: longest, asOfPosition: '1' } });
const afterAsOf = inTheList();
await deliver(Number(longest), 'ready');
await client.query({ query: NODE, variables: { id: one.data.appointment.id } });
const afterNode = inTheList();

const failed = await client
  .query({ query: LIST, variables: { first: 501 }, fetchPolicy: 'network-only' })
  .then(() => null, (error) => error);

const keys = Object.keys(cache.extract()).filter((key) => key.startsWith('Appointment:'));
console.log(JSON.stringify({
  appointments: tally([...appointments, ...listed.ahead], listed.edges.map(({ node }) => node.appointmentId)),
  history: tally([...historyPositions, ...listed.positions, ...told.positions], told.edges.map(({ node }) => node.position)),
  statuses: [before, afterwards, afterAsOf, afterNode],
  // The appointment as of an earlier moment is a thing of its own.
  entriesBesideTheList: keys.length - listed.edges.length,
  refused: CombinedGraphQLErrors.is(failed) ? failed.errors.map(({ extensions }) => extensions.code) : String(failed),
}));
client.stop();
