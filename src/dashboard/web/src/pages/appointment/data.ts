// What an appointment's page asks the API. In: which appointment, and which moment of it. Out: what the server tells,
// as it tells it. No state, no drawing.
import { DELIVERY, type Delivery } from '../../parts/delivery.ts';
import { loadFacts, type Facts } from '../../server/facts.ts';
import { follow } from '../../server/live.ts';
import { query, type RequestError } from '../../server/graphql.ts';
import type { Status } from '../../text/words.ts';

/** An appointment: two sources may use the same number. */
export interface Key {
  source: string;
  id: string;
}

/** The appointment at some moment. */
export interface State {
  status: Status;
  statusSince: string;
  standing: string[];
  allowedEvents: string[];
  createdAt: string | null;
  checkedInAt: string | null;
  readyAt: string | null;
  calledBackAt: string | null;
  dischargedAt: string | null;
  removedAt: string | null;
  rescheduleCount: number;
  demographicsUpdateCount: number;
}

/** A place in its history: a position, and the cursor that leads there. */
export interface Step {
  position: string;
  cursor: string;
}

/** What would become of an event. */
export interface Explanation {
  outcome: Delivery['outcome'];
  code: string | null;
  reason: string;
  late: boolean;
  statusAfter: Status;
  letsIn: string[];
  reconsideredUntil: string | null;
}

/** How things are now. */
export interface Now {
  facts: Facts;
  /** Null where no delivery has brought it into being. */
  state: State | null;
  /** The name of the lifecycle that judges its deliveries, and the events that bring an appointment into being by it. */
  lifecycle: { name: string; begins: string[] };
  /** How many deliveries name it. */
  total: number;
  /** The last position that is in this answer, and the cursor of a subscription to what comes after it. */
  position: string;
  cursor: string;
}

const STATE = `fragment State on Appointment {
  status statusSince standing allowedEvents createdAt checkedInAt readyAt calledBackAt dischargedAt removedAt
  rescheduleCount demographicsUpdateCount
}`;

/** Items of a page that the server gives at most. */
const PAGE_MAX = 500;

export async function loadNow({ source, id }: Key, signal: AbortSignal): Promise<Now> {
  const document = `query Appointment($source: String!, $id: ID!) {
    log { projection { position cursor } }
    lifecycle(source: $source) { name rules { eventType appliedFromNone } }
    appointment(source: $source, appointmentId: $id) { ...State }
    deliveries(filter: { source: $source, appointmentId: $id }, first: 0) { totalCount }
  } ${STATE}`;
  const answer = await query<{
    log: { projection: { position: string; cursor: string } };
    lifecycle: { name: string; rules: { eventType: string; appliedFromNone: boolean }[] };
    appointment: State | null;
    deliveries: { totalCount: number | null };
  }>(document, { source, id }, signal);
  return {
    facts: await loadFacts(),
    state: answer.appointment,
    lifecycle: {
      name: answer.lifecycle.name,
      begins: answer.lifecycle.rules.filter((rule) => rule.appliedFromNone).map((rule) => rule.eventType),
    },
    total: answer.deliveries.totalCount ?? 0,
    ...answer.log.projection,
  };
}

/** The last so many places of its history before a cursor, or all after one: oldest first. */
export async function loadSteps(
  key: Key,
  where: { before: string | null } | { after: string },
  signal: AbortSignal,
): Promise<{ steps: Step[]; hasMore: boolean }> {
  const backwards = 'before' in where;
  const document = `query Steps($source: String!, $id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { position } }
      pageInfo { hasNextPage hasPreviousPage }
    }
  }`;
  const paging = backwards ? { last: PAGE_MAX, before: where.before } : { first: PAGE_MAX, after: where.after };
  const { deliveries } = await query<{
    deliveries: {
      edges: { cursor: string; node: { position: string } }[];
      pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean };
    };
  }>(document, { ...key, ...paging }, signal);
  const { hasNextPage, hasPreviousPage } = deliveries.pageInfo;
  return {
    steps: deliveries.edges.map(({ cursor, node }) => ({ position: node.position, cursor })),
    hasMore: backwards ? hasPreviousPage : hasNextPage,
  };
}

/** So many deliveries after a cursor: oldest first. */
export async function loadDeliveries(
  key: Key,
  after: string | null,
  first: number,
  signal: AbortSignal,
): Promise<Delivery[]> {
  const document = `query Deliveries($source: String!, $id: ID!, $first: Int!, $after: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after) { nodes { ...Delivery } }
  } ${DELIVERY}`;
  const { deliveries } = await query<{ deliveries: { nodes: Delivery[] } }>(document, { ...key, first, after }, signal);
  return deliveries.nodes;
}

/** How it was right after a position; null where nothing had brought it into being. */
export async function loadStateAt({ source, id }: Key, at: string, signal: AbortSignal): Promise<State | null> {
  const document = `query StateAt($source: String!, $id: ID!, $at: Position!) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) { ...State }
  } ${STATE}`;
  return (await query<{ appointment: State | null }>(document, { source, id, at }, signal)).appointment;
}

/** What would become of an event at a moment: right after a position, or now. */
export async function loadExplanation(
  { source, id }: Key,
  eventType: string,
  at: string | null,
  signal: AbortSignal,
): Promise<Explanation | null> {
  const document = `query Explain($source: String!, $id: ID!, $eventType: EventType!, $at: Position) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) {
      explain(eventType: $eventType) { outcome code reason late statusAfter letsIn reconsideredUntil }
    }
  }`;
  const { appointment } = await query<{ appointment: { explain: Explanation } | null }>(
    document,
    { source, id, eventType, at },
    signal,
  );
  return appointment?.explain ?? null;
}

/** Tells of each delivery of the source after a cursor, until the returned function is called. */
export function followSource(
  source: string,
  after: string,
  heard: (cursor: string, appointmentId: string | null) => void,
  failed: (error: RequestError) => void,
): () => void {
  const document = `subscription Source($source: String!, $after: Cursor!) {
    deliveries(source: $source, after: $after) { cursor appointmentId }
  }`;
  return follow<{ deliveries: { cursor: string; appointmentId: string | null } }>(
    document,
    { source, after },
    { next: ({ deliveries }) => heard(deliveries.cursor, deliveries.appointmentId), failed },
  );
}
