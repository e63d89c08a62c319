// What the charts ask the API. In: a source, a stretch, and how long a step of it is. Out: what `patientFlow` tells.
import { query } from '../../server/graphql.ts';

export type Interval = 'HOUR' | 'DAY';

export interface Wanted {
  source: string | null;
  from: number;
  to: number;
  interval: Interval;
  zone: string;
}

interface Waits {
  count: number;
  medianSeconds: number | null;
  p90Seconds: number | null;
}

/** What happened in one step of the stretch. */
export interface Bucket {
  from: string;
  to: string;
  arrivals: number;
  discharges: number;
  census: { status: string; count: number }[] | null;
  checkInToCallBack: Waits;
  checkInToDischarge: Waits;
  deliveries: number;
  rejectedRate: number | null;
}

/** Steps that the server tells at most. */
export const BUCKETS_MAX = 1_000;

export async function loadFlow({ source, from, to, interval, zone }: Wanted, signal: AbortSignal): Promise<Bucket[]> {
  const document = `query Flow($source: String, $from: DateTime!, $to: DateTime!, $interval: Interval!, $zone: String!) {
    patientFlow(source: $source, from: $from, to: $to, interval: $interval, timeZone: $zone) {
      from to arrivals discharges deliveries rejectedRate census { status count }
      checkInToCallBack { count medianSeconds p90Seconds } checkInToDischarge { count medianSeconds p90Seconds }
    }
  }`;
  const iso = (ms: number) => new Date(ms).toISOString();
  const variables = { source, from: iso(from), to: iso(to), interval, zone };
  return (await query<{ patientFlow: Bucket[] }>(document, variables, signal)).patientFlow;
}
