// Event streams of `/graphql`, for where WebSockets do not pass: a request a subscription, as the "distinct connections
// mode" of graphql-sse has it. In: subscriptions. Out: what they tell, and that the connection is live, or lost.
import { address } from '../../base/address.ts';
import { refused } from './refused.ts';
import type { Hears, Sink, TheirError, Transport } from './transport.ts';

/** How long the answer's beginning may take. */
const BEGIN_WITHIN_MS = 20_000;
/** The server says every 15 seconds that it is there. */
const SILENCE_MS_MAX = 40_000;
/** How long nobody may subscribe to anything before that is told: often somebody does at once. */
const IDLE_AFTER_MS = 1_000;
/** More characters of one event than the server ever sends, so that nothing grows without end. */
const EVENT_CHARACTERS_MAX = 64 << 20;

export function overEvents(hears: Hears): Transport {
  const running = new Set<AbortController>();
  let idling: ReturnType<typeof setTimeout> | undefined;
  let [live, over] = [false, false];
  const end = () => {
    over = true;
    clearTimeout(idling);
    for (const one of running) one.abort();
  };
  const finish = (tell: () => void) => {
    if (over) return;
    end();
    tell();
  };
  const isLive = () => {
    live = true;
    if (!over) hears.live();
  };

  const run = async (body: string, sink: Sink, one: AbortController): Promise<void> => {
    const late = watchdog(one);
    try {
      late.within(BEGIN_WITHIN_MS);
      const response = await fetch(address('graphql'), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
        body,
        signal: one.signal,
        redirect: 'error',
      });
      if (response.status === 401) return finish(() => hears.signedOut());
      if (!response.body || !response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
        const error = await theirError(response);
        // A proxy's page in place of an answer.
        if (!error) return finish(() => hears.lost(live));
        if (running.delete(one)) sink.failed(refused(error));
        return;
      }
      isLive();
      for await (const { event, data } of events(response.body, () => late.within(SILENCE_MS_MAX))) {
        if (!running.has(one)) return;
        if (event === 'next') sink.next(JSON.parse(data) as Parameters<Sink['next']>[0]);
        if (event !== 'complete') continue;
        running.delete(one);
        return sink.failed(refused(undefined));
      }
      finish(() => hears.lost(live));
    } catch {
      if (running.has(one)) finish(() => hears.lost(live));
    } finally {
      late.end();
    }
  };

  return {
    subscribe(query, variables, sink) {
      clearTimeout(idling);
      const one = new AbortController();
      running.add(one);
      hears.connecting();
      void run(JSON.stringify({ query, variables }), sink, one);
      return () => {
        if (!running.delete(one) || over) return;
        one.abort();
        if (running.size === 0) idling = setTimeout(() => over || hears.idle(), IDLE_AFTER_MS);
      };
    },
    end,
  };
}

/** Aborts what has not come in time. */
function watchdog(what: AbortController): { within(ms: number): void; end(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    within(ms) {
      clearTimeout(timer);
      timer = setTimeout(() => what.abort(), ms);
    },
    end: () => clearTimeout(timer),
  };
}

async function theirError(response: Response): Promise<TheirError | null> {
  const answer = (await response.json().catch(() => null)) as { errors?: TheirError[] } | null;
  return answer?.errors?.[0] ?? null;
}

/** The events of a stream, as the HTML standard has them, as far as the server uses them. `heard` with each piece. */
async function* events(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<{ event: string; data: string }> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let [event, data] = ['', [] as string[]];
  for (;;) {
    heard();
    const { done, value } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    if (rest.length > EVENT_CHARACTERS_MAX) throw new RangeError('An event has no end.');
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.map((line) => line.replace(/\r$/, ''))) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (line === '') {
        if (event !== '' || data.length > 0) yield { event, data: data.join('\n') };
        [event, data] = ['', []];
      } else if (name === 'event') event = value ?? '';
      else if (name === 'data') data.push(value ?? '');
    }
  }
}
