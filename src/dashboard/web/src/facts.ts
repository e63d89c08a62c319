// Who reads, and which sources there are: what most pages need before anything else. In: nothing. Out: the reader and
// its sources, as the server tells them.
import { query } from './graphql.ts';

export interface Source {
  name: string;
  timeZone: string;
  lifecycle: string;
  reorderWindowSeconds: number;
}

export interface Facts {
  /** Whether bodies are told. */
  isAdmin: boolean;
  sources: Source[];
}

interface Answer {
  reader: { role: 'VIEWER' | 'ADMIN' };
  sources: Source[];
}

/** Asks the server. */
export async function loadFacts(signal?: AbortSignal): Promise<Facts> {
  const document = '{ reader { role } sources { name timeZone lifecycle reorderWindowSeconds } }';
  const { reader, sources } = await query<Answer>(document, {}, signal);
  return { isAdmin: reader.role === 'ADMIN', sources };
}

/** The zone whose days count: the source's, or what the sources agree on; else UTC, as the server does it. */
export function zoneOf(facts: Facts, source: string | null): string {
  const zones = new Set(facts.sources.filter(({ name }) => source === null || name === source).map((one) => one.timeZone));
  const [zone] = zones;
  return zones.size === 1 && zone ? zone : 'UTC';
}
