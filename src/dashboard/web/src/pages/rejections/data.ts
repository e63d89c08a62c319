// What the page of rejections asks the API. In: a stretch, and what is chosen of it. Out: groups and advice, and pages of
// deliveries, newest first.
import { DELIVERY, type Delivery, type Outcome } from '../../parts/delivery.ts';
import { query } from '../../server/graphql.ts';

/** What is looked at. */
export interface Wanted {
  source: string | null;
  outcome: string | null;
  code: string | null;
  from: number;
  to: number;
}

export interface Group {
  source: string;
  outcome: Outcome;
  code: string;
  eventType: string | null;
  count: number;
  firstReceivedAt: string;
  lastReceivedAt: string;
  lastPosition: string;
  explanation: string;
}

export interface Advice {
  source: string;
  pattern: 'WALK_INS' | 'MID_STREAM' | 'OVERTAKING';
  count: number;
  explanation: string;
  setting: string;
}

export interface Summary {
  groups: Group[];
  advice: Advice[];
}

export interface DeliveryPage {
  /** Newest first. */
  deliveries: Delivery[];
  /** Where older ones begin; null where there are none. */
  older: string | null;
}

/** The outcomes that the page is about. */
export const OUTCOMES: readonly Outcome[] = ['REJECTED', 'UNRECOGNIZED', 'UNREADABLE'];

/** The codes that they come with. */
export const CODES: readonly string[] = [
  'NOT_CREATED',
  'STATUS_NOT_ALLOWED',
  'STEP_NOT_DONE',
  'STEP_NOT_LAST',
  'UNKNOWN_EVENT_TYPE',
  'NOT_JSON',
  'NOT_AN_OBJECT',
  'FIELD_REPEATED',
  'APPOINTMENT_ID_MISSING',
  'APPOINTMENT_ID_INVALID',
  'EVENT_TYPE_MISSING',
  'EVENT_TYPE_INVALID',
  'MEDIA_TYPE',
  'CONTENT_CODING',
];

/** Deliveries on a page. */
const PAGE = 25;

export async function loadSummary({ source, from, to }: Wanted, signal: AbortSignal): Promise<Summary> {
  const document = `query Rejections($source: String, $from: DateTime!, $to: DateTime!) {
    rejections(source: $source, from: $from, to: $to) {
      groups { source outcome code eventType count firstReceivedAt lastReceivedAt lastPosition explanation }
      advice { source pattern count explanation setting }
    }
  }`;
  const { rejections } = await query<{ rejections: Summary }>(document, { source, from: iso(from), to: iso(to) }, signal);
  return rejections;
}

export async function loadPage(
  { source, outcome, code, from, to }: Wanted,
  before: string | null,
  signal: AbortSignal,
): Promise<DeliveryPage> {
  const document = `query Deliveries($filter: DeliveryFilter!, $last: Int!, $before: String) {
    deliveries(filter: $filter, last: $last, before: $before) {
      nodes { ...Delivery }
      pageInfo { hasPreviousPage startCursor }
    }
  } ${DELIVERY}`;
  const filter = {
    source,
    outcome: outcome ? [outcome] : OUTCOMES,
    code: code ? [code] : null,
    receivedAt: { from: iso(from), to: iso(to) },
  };
  const { deliveries } = await query<{
    deliveries: { nodes: Delivery[]; pageInfo: { hasPreviousPage: boolean; startCursor: string | null } };
  }>(document, { filter, last: PAGE, before }, signal);
  const { nodes, pageInfo } = deliveries;
  return { deliveries: nodes.reverse(), older: pageInfo.hasPreviousPage ? pageInfo.startCursor : null };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
