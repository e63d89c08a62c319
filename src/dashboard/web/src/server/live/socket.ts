// A WebSocket to `/graphql`. In: subscriptions. Out: what they tell, and that the connection is live, or lost. The only file
// that names graphql-ws, whose own tries are not used: another try may go another way.
import { createClient } from 'graphql-ws';
import { TOP } from '../../base/address.ts';
import { refused } from './refused.ts';
import type { Hears, TheirError, Transport } from './transport.ts';

/** How often the server is asked whether it is there, and how long it may take to say so. */
const PING_EVERY_MS = 8_000;
const PONG_WITHIN_MS = 6_000;
/** How long a connection may take. Some proxies neither pass on a request for a WebSocket nor refuse it. */
const OPEN_WITHIN_MS = 10_000;
const SUBPROTOCOL = 'graphql-transport-ws';
/** The server's close codes that say: not without signing in. */
const NOT_SIGNED_IN = [4401, 4403];
const NORMAL = 1000;

/** One that gives up where nothing comes of it. */
class Socket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    const late = setTimeout(() => this.close(), OPEN_WITHIN_MS);
    for (const kind of ['open', 'close']) this.addEventListener(kind, () => clearTimeout(late));
  }
}

function socketAddress(): string {
  const url = new URL('graphql', TOP);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/** Whether a WebSocket opens now. */
export function opens(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Socket(socketAddress(), SUBPROTOCOL);
    socket.onopen = () => {
      resolve(true);
      socket.close(NORMAL);
    };
    socket.onclose = () => resolve(false);
  });
}

export function overSocket(hears: Hears): Transport {
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  let [live, over] = [false, false];
  const end = () => {
    over = true;
    clearTimeout(unanswered);
    void Promise.resolve(client.dispose()).catch(() => {});
  };
  const client = createClient({
    url: socketAddress(),
    webSocketImpl: Socket,
    lazy: true,
    lazyCloseTimeout: 1_000,
    keepAlive: PING_EVERY_MS,
    connectionAckWaitTimeout: OPEN_WITHIN_MS,
    retryAttempts: 0,
    on: {
      connecting: () => over || hears.connecting(),
      connected: () => {
        live = true;
        if (!over) hears.live();
      },
      ping: (received) => {
        // Only a pong shows that the other end is still there.
        if (!received) unanswered = setTimeout(() => client.terminate(), PONG_WITHIN_MS);
      },
      pong: () => clearTimeout(unanswered),
      closed: (event) => {
        if (over) return;
        clearTimeout(unanswered);
        const { code, wasClean } = event as CloseEvent;
        if (code === NORMAL && wasClean) return hears.idle();
        end();
        if (NOT_SIGNED_IN.includes(code)) hears.signedOut();
        else hears.lost(live);
      },
    },
  });
  return {
    subscribe: (query, variables, sink) =>
      client.subscribe<unknown>(
        { query, variables },
        {
          next: (result) => over || sink.next(result as Parameters<typeof sink.next>[0]),
          // Anything else is the connection's end, which is told once, and not of each.
          error: (error) => over || (Array.isArray(error) && sink.failed(refused(error[0] as TheirError))),
          complete: () => over || sink.failed(refused(undefined)),
        },
      ),
    end,
  };
}
