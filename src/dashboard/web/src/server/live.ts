// What a page follows, live. In: subscriptions. Out: what they tell, and how the connection is. A lost connection is made
// anew, later and later and never at the same moment as everybody else's, and every subscription begins anew with it.
//
//   live/socket.ts    the way for all of them
//   live/question.ts  why it does not open, where it does not
//   live/events.ts    the way where WebSockets do not pass; from there the first one is tried again now and then
import { access } from './access.ts';
import { RequestError } from './graphql.ts';
import { overEvents } from './live/events.ts';
import { whyNoSocket } from './live/question.ts';
import { refused } from './live/refused.ts';
import { opens, overSocket } from './live/socket.ts';
import type { Transport } from './live/transport.ts';
import { State } from '../base/state.ts';

type Way = 'socket' | 'events';

/** How the connection is. `retryAt` is on the clock of `performance.now()`; `why` is the server's word, where it has one. */
export type Connection =
  | { is: 'idle' }
  | { is: 'connecting' }
  | { is: 'live'; via: Way }
  | { is: 'waiting'; retryAt: number; why: string | null }
  | { is: 'signed-out' };

/** How the connection is now. */
export const connection = new State<Connection>({ is: 'idle' });

/** Why the server takes no WebSocket from this page; null where it does, or has not said so. */
export const socketRefusal = new State<string | null>(null);

/** The first wait before another try, and the longest. */
const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 20_000;
/** A connection that has lasted for so long was a good one: the next tries begin with short waits. */
const GOOD_AFTER_MS = 10_000;
/** So many WebSockets in a row that do not open, though the server would take them, do not pass. One may be chance: a server
 * that was just started. */
const NOT_PASSED_MAX = 2;
/** How soon a WebSocket is tried again where there are event streams, and how seldom at last. */
const PROBE_MS_MIN = 30_000;
const PROBE_MS_MAX = 600_000;

/** What whoever follows is told. */
export interface Told<Data> {
  next(data: Data): void;
  /** It has ended, and will not begin again by itself. */
  failed(error: RequestError): void;
}

interface Followed {
  begin(over: Transport): void;
}

const followed = new Set<Followed>();
let transport: Transport | null = null;
let way: Way = 'socket';
/** Changes with each connection: what belongs to an earlier one counts no more. */
let generation = 0;
let liveSince: number | null = null;
/** How many tries in a row were in vain, and how many WebSockets did not pass. */
let inVain = 0;
let notPassed = 0;
let probeMs = PROBE_MS_MIN;
let probing: ReturnType<typeof setTimeout> | undefined;
let tryNow: (() => void) | null = null;

/** Follows a subscription until the returned function is called. After a lost connection it begins anew. */
export function follow<Data>(document: string, variables: Record<string, unknown>, told: Told<Data>): () => void {
  let end = () => {};
  const stop = () => {
    followed.delete(one);
    end();
  };
  const fail = (error: RequestError) => {
    if (!followed.has(one)) return;
    stop();
    told.failed(error);
  };
  const one: Followed = {
    begin(over) {
      end();
      end = over.subscribe(document, variables, {
        next(result) {
          const error = result.errors?.[0];
          if (error) fail(refused(error));
          else if (result.data && followed.has(one)) told.next(result.data as Data);
        },
        failed: fail,
      });
    },
  };
  followed.add(one);
  if (transport) one.begin(transport);
  // Where another try is waited for, it begins with that.
  else if (tryNow === null && !asking) start();
  return stop;
}

/** Does not wait any longer for the next try. */
export function reconnectNow(): void {
  tryNow?.();
}

/** Ends the connection: who signs in next is somebody else. */
export function disconnect(): void {
  leave();
  followed.clear();
  [inVain, notPassed] = [0, 0];
  connection.value = { is: 'idle' };
}

/** Whether it is being asked why no WebSocket opens. */
let asking = false;

/** Nothing of the connection there was counts any more. */
function leave(): void {
  generation += 1;
  stopProbing();
  const before = transport;
  transport = null;
  asking = false;
  tryNow?.();
  before?.end();
}

function start(): void {
  if (followed.size === 0) {
    connection.value = { is: 'idle' };
    return;
  }
  generation += 1;
  const [mine, via] = [generation, way];
  const ofMine = (what: () => void) => () => {
    if (mine === generation) what();
  };
  const make = via === 'socket' ? overSocket : overEvents;
  transport = make({
    connecting: ofMine(() => {
      // Between tries it stays what it was.
      if (connection.value.is === 'idle') connection.value = { is: 'connecting' };
    }),
    live: ofMine(() => {
      liveSince ??= performance.now();
      notPassed = 0;
      if (via === 'socket') {
        socketRefusal.value = null;
        probeMs = PROBE_MS_MIN;
      } else if (probing === undefined) probeLater();
      if (connection.value.is !== 'live' || connection.value.via !== via) connection.value = { is: 'live', via };
    }),
    idle: ofMine(() => (connection.value = { is: 'idle' })),
    lost: (wasLive) => {
      if (mine === generation) void again(wasLive);
    },
    signedOut: ofMine(() => {
      leave();
      connection.value = { is: 'signed-out' };
      access.value = 'out';
    }),
  });
  const over = transport;
  for (const one of [...followed]) if (transport === over) one.begin(over);
}

/** Makes the connection anew: at once by the other way, where this one is closed, or after a wait. */
async function again(wasLive: boolean): Promise<void> {
  const via = way;
  if (liveSince !== null && performance.now() - liveSince > GOOD_AFTER_MS) inVain = 0;
  liveSince = null;
  leave();
  const mine = generation;
  way = 'socket';
  let why: string | null = null;
  if (via === 'socket' && !wasLive) {
    asking = true;
    const whyNot = await whyNoSocket();
    if (mine !== generation) return;
    asking = false;
    socketRefusal.value = whyNot.is === 'refused' && !whyNot.passes ? whyNot.message : null;
    notPassed = whyNot.is === 'taken' ? notPassed + 1 : 0;
    if (socketRefusal.value !== null || notPassed >= NOT_PASSED_MAX) way = 'events';
    if (way === 'events' || notPassed > 0) return start();
    if (whyNot.is === 'refused') why = whyNot.message;
  }
  await waitBefore(inVain++, why);
  if (mine === generation) start();
}

/** Waits before a try: twice as long each time, up to a limit, and by chance up to half of that shorter. */
function waitBefore(tries: number, why: string | null): Promise<void> {
  const longest = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(tries, 10));
  const wait = longest * (1 - Math.random() / 2);
  connection.value = { is: 'waiting', retryAt: performance.now() + wait, why };
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

/** Tries a WebSocket again after a while: whoever looks after the proxy may have let them pass. */
function probeLater(): void {
  stopProbing();
  probing = setTimeout(() => void probe(), probeMs);
  probeMs = Math.min(PROBE_MS_MAX, probeMs * 2);
}

function stopProbing(): void {
  clearTimeout(probing);
  probing = undefined;
}

async function probe(): Promise<void> {
  const mine = generation;
  stopProbing();
  const passes = (await whyNoSocket()).is === 'taken' && (await opens());
  if (mine !== generation) return;
  if (!passes) return probeLater();
  leave();
  way = 'socket';
  connection.value = { is: 'connecting' };
  start();
}

// Another network, maybe with another proxy.
addEventListener('online', () => {
  if (connection.value.is === 'live' && connection.value.via === 'events') void probe();
});
