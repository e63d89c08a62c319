// Who reads, and which sources there are, for a page that needs both before anything else. In: what the shell has asked
// the server. Out: the same, once it is there.
import { RequestError } from './graphql.ts';
import { me, type Source } from './session.ts';

export interface Facts {
  /** Whether bodies are told. */
  isAdmin: boolean;
  sources: readonly Source[];
}

/** Waits until the server has said who reads. Throws what kept it from that. */
export function loadFacts(): Promise<Facts> {
  return new Promise((resolve, reject) => {
    let end = () => {};
    const look = () => {
      const { value } = me;
      if (value === null) return;
      end();
      if (value instanceof RequestError) reject(value);
      else resolve({ isAdmin: value.reader.role === 'ADMIN', sources: value.sources });
    };
    end = me.follow(look);
    look();
  });
}

/** The zone whose days count: the source's, or what the sources agree on; else UTC, as the server does it. */
export function zoneOf(facts: Facts, source: string | null): string {
  const zones = new Set(facts.sources.filter(({ name }) => source === null || name === source).map((one) => one.timeZone));
  const [zone] = zones;
  return zones.size === 1 && zone ? zone : 'UTC';
}
