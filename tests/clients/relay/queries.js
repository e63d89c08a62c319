// What a Relay app declares: a list that is a connection, an appointment that can be fetched again by its id, and its
// history as a connection of its own. `relay-compiler` makes all queries that these need, and checks the schema for them.
import { graphql } from 'relay-runtime';

export const list = graphql`
  query queriesListQuery($count: Int!, $cursor: String) {
    ...queries_appointments @arguments(count: $count, cursor: $cursor)
  }
`;

export const appointments = graphql`
  fragment queries_appointments on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 50 }, cursor: { type: "String" })
  @refetchable(queryName: "queriesAppointmentsPageQuery") {
    appointments(first: $count, after: $cursor) @connection(key: "queries_appointments") {
      edges { node { id appointmentId status ...queries_history } }
    }
  }
`;

export const history = graphql`
  fragment queries_history on Appointment
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" })
  @refetchable(queryName: "queriesHistoryPageQuery") {
    status
    history(first: $count, after: $cursor) @connection(key: "queries_history") {
      edges { node { position eventType outcome reason } }
    }
  }
`;
