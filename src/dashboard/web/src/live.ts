// The one WebSocket to `/graphql`, for whatever a page follows. In: subscriptions. Out: what they tell, and how the
// connection is. A lost connection is made anew, later and later and never at the same moment as everybody else's, and
// every subscription begins anew with it. The only file that names graphql-ws.
import { createClient, type Client } from 'graphql-ws';
import { access } from './access.ts';
import { RequestError } from './graphql.ts';
import { State } from './state.ts';

/** How the connection is. `retryAt` is on the clock of `performance.now()`. */
export type Connection =
  | { is: 'idle' }
  | { is: 'connecting' }
  | { is: 'live' }
  | { is: 'waiting'; retryAt: number }
  | { is: 'signed-out' };

/** How the connection is now. */
export const connection = new State<Connection>({ is: 'idle' });

/** The first wait before another try, and the longest. */
const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 20_000;
/** How often the server is asked whether it is there, and how long it may take to say so. */
const PING_EVERY_MS = 8_000;
const PONG_WITHIN_MS = 6_000;
/** The server's close codes that say: not without signing in. */
const NOT_SIGNED_IN = [4401, 4403];

let client: Client | null = null;
let tryNow: (() => void) | null = null;

/** What whoever follows is told. */
export interface Told<Data> {
  next(data: Data): void;
  /** It has ended, and will not begin again by itself. */
  failed(error: RequestError): void;
}

/** Follows a subscription until the returned function is called. After a lost connection it begins anew. */
export function follow<Data>(document: string, variables: Record<string, unknown>, told: Told<Data>): () => void {
  let ended = false;
  const fail = (error: RequestError) => {
    if (ended) return;
    ended = true;
    end();
    told.failed(error);
  };
  const end = open().subscribe<Data>(
    { query: document, variables },
    {
      next(result) {
        const error = result.errors?.[0];
        if (error) fail(refused(error));
        else if (result.data && !ended) told.next(result.data);
      },
      error: (error) => fail(Array.isArray(error) ? refused(error[0]) : lost(error)),
      complete: () => fail(refused(undefined)),
    },
  );
  return () => {
    ended = true;
    end();
  };
}

/** Does not wait any longer for the next try. */
export function reconnectNow(): void {
  tryNow?.();
}

/** Ends the connection: who signs in next is somebody else. */
export function disconnect(): void {
  const mine = client;
  client = null;
  void mine?.dispose();
  connection.value = { is: 'idle' };
}

function open(): Client {
  if (client) return client;
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const mine = createClient({
    url: `${scheme}//${location.host}/graphql`,
    lazy: true,
    lazyCloseTimeout: 1_000,
    keepAlive: PING_EVERY_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => connection.value.is !== 'signed-out',
    retryWait: (tries) => waitBefore(tries),
    on: {
      connecting: (again) => {
        if (!again) tell({ is: 'connecting' });
      },
      connected: () => tell({ is: 'live' }),
      ping: (received) => {
        // Only a pong shows that the other end is still there.
        if (!received) unanswered = setTimeout(() => mine.terminate(), PONG_WITHIN_MS);
      },
      pong: () => clearTimeout(unanswered),
      closed: (event) => {
        clearTimeout(unanswered);
        const { code, wasClean } = event as CloseEvent;
        if (NOT_SIGNED_IN.includes(code)) {
          tell({ is: 'signed-out' });
          if (client === mine) access.value = 'out';
        } else if (code === 1000 && wasClean) {
          tell({ is: 'idle' });
        }
      },
    },
  });
  const tell = (state: Connection) => {
    if (client === mine) connection.value = state;
  };
  client = mine;
  return mine;
}

/** Waits before a try: twice as long each time, up to a limit, and by chance up to half of that shorter. */
function waitBefore(tries: number): Promise<void> {
  const longest = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(tries, 10));
  const wait = longest * (1 - Math.random() / 2);
  connection.value = { is: 'waiting', retryAt: performance.now() + wait };
  return new Promise((resolve) => {
    const now = () => {
      clearTimeout(timer);
      removeEventListener('online', now);
      if (tryNow === now) tryNow = null;
      resolve();
    };
    const timer = setTimeout(now, wait);
    addEventListener('online', now);
    tryNow = now;
  });
}

function refused(error: { message: string; extensions?: unknown } | undefined): RequestError {
  const code = (error?.extensions as { code?: string } | undefined)?.code ?? null;
  return new RequestError(error?.message ?? 'The server ended it without saying why.', 'refused', code);
}

function lost(error: unknown): RequestError {
  const { code, reason } = (error ?? {}) as Partial<CloseEvent>;
  if (code !== undefined && NOT_SIGNED_IN.includes(code)) {
    return new RequestError('This browser is not signed in.', 'signed-out');
  }
  return new RequestError(`The live connection has ended: ${reason || code || 'it is not known why'}.`, 'refused');
}
