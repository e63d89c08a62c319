// Who reads, and signing in and out. In: a token, typed once; the person's own activity. Out: a cookie that no script
// sees, and what the server says of whoever has it. Only what a person does keeps a session alive: a board that moves
// by itself does not.
import { access } from './access.ts';
import { query, RequestError } from './graphql.ts';
import { connection, disconnect } from './live.ts';
import { State } from './state.ts';

/** Who reads. */
export interface Reader {
  /** Null where nobody has to sign in. */
  name: string | null;
  role: 'VIEWER' | 'ADMIN';
  /** Whether this browser has signed in, and so can sign out. */
  signedIn: boolean;
  idleSignOutMinutes: number | null;
}

/** A source that the reader may see. */
export interface Source {
  name: string;
  timeZone: string;
  staleAfterHours: number;
  bookingHorizonDays: number;
  longWaitMinutes: number;
  veryLongWaitMinutes: number;
}

export interface Me {
  reader: Reader;
  sources: Source[];
}

/** Who reads; null before the server has said so, an error where it will not. */
export const me = new State<Me | RequestError | null>(null);

const ME = `{
  reader { name role signedIn idleSignOutMinutes }
  sources { name timeZone staleAfterHours bookingHorizonDays longWaitMinutes veryLongWaitMinutes }
}`;

const RENEW_EVERY_MS = 60_000;
const ANSWER_MS_MAX = 20_000;
/** How much later than the server the page looks whether its time is over. */
const GRACE_MS = 2_000;
const ASK_AGAIN_MS = 5_000;

/** When the server was told last that somebody is here; a page that was just loaded does not know. */
let renewed = Number.NEGATIVE_INFINITY;
/** Since when a session can have been idle, as far as this page knows. */
let seen = performance.now();
let watching: ReturnType<typeof setTimeout> | undefined;

/** Asks who reads. Where the server cannot be reached, asks again after a while. */
export async function ask(): Promise<void> {
  try {
    me.value = await query<Me>(ME);
    seen = performance.now();
    watch();
  } catch (error) {
    const why = error as RequestError;
    me.value = why.kind === 'signed-out' ? null : why;
    if (why.kind === 'unreachable') setTimeout(() => void ask(), ASK_AGAIN_MS);
  }
}

/** Signs in. Throws a `RequestError` whose words are for the person. */
export async function signIn(token: string): Promise<void> {
  const response = await send('POST', JSON.stringify({ token }));
  if (!response.ok) throw await refusal(response);
  disconnect();
  await ask();
  if (me.value instanceof RequestError) throw me.value;
  if (me.value === null) {
    throw new RequestError('The token was taken, but this browser keeps no cookie. Allow cookies for this address.', 'refused');
  }
}

/** Signs out, here and in the browser's other windows. Throws a `RequestError`. */
export async function signOut(): Promise<void> {
  const response = await send('DELETE', null);
  if (!response.ok && response.status !== 401) throw await refusal(response);
  forget();
}

/** Forgets everything that was told to whoever was signed in. */
function forget(): void {
  clearTimeout(watching);
  renewed = Number.NEGATIVE_INFINITY;
  disconnect();
  me.value = null;
  access.value = 'out';
}

access.follow(() => {
  if (access.value === 'out') forget();
});

// A server that comes back may have been configured anew.
let wasLost = false;
connection.follow(() => {
  if (connection.value.is === 'live' && wasLost) void ask();
  wasLost = connection.value.is === 'waiting';
});

for (const kind of ['pointermove', 'pointerdown', 'keydown', 'touchstart', 'wheel']) {
  addEventListener(kind, () => void renew(), { passive: true, capture: true });
}

/** Tells the server that somebody is here, at most once a minute. */
async function renew(): Promise<void> {
  const minutes = idleMinutes();
  const often = minutes === null ? RENEW_EVERY_MS : Math.min(RENEW_EVERY_MS, minutes * 15_000);
  if (minutes === null || performance.now() - renewed < often) return;
  const before = renewed;
  renewed = performance.now();
  try {
    const response = await send('PUT', null);
    if (response.status === 401) access.value = 'out';
    else if (response.ok) seen = performance.now();
    else renewed = before;
  } catch {
    renewed = before; // the next movement tries again
  }
  watch();
}

/** Looks whether the session is over when it should be. Another window may have kept it alive meanwhile. */
function watch(): void {
  clearTimeout(watching);
  const minutes = idleMinutes();
  if (minutes === null) return;
  const due = seen + minutes * 60_000 + GRACE_MS - performance.now();
  watching = setTimeout(() => {
    // A question keeps nothing alive; where it is answered with 401, `access` says so.
    query('{ reader { name } }').catch(() => {}).finally(() => {
      if (access.value !== 'out') watching = setTimeout(watch, RENEW_EVERY_MS);
    });
  }, Math.max(0, due));
}

function idleMinutes(): number | null {
  if (me.value === null || me.value instanceof RequestError) return null;
  const { signedIn, idleSignOutMinutes } = me.value.reader;
  return signedIn ? idleSignOutMinutes : null;
}

async function send(method: string, body: string | null): Promise<Response> {
  try {
    return await fetch('/session', {
      method,
      headers: body === null ? {} : { 'Content-Type': 'application/json' },
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
  } catch {
    throw new RequestError('The server does not answer. Is it running, and is this computer connected to it?', 'unreachable');
  }
}

async function refusal(response: Response): Promise<RequestError> {
  const { detail, code } = (await response.json().catch(() => ({}))) as { detail?: string; code?: string };
  const requestId = response.headers.get('X-Request-Id');
  if (response.status === 401) {
    return new RequestError('This token is not known, or has expired. Look for a space or a missing letter, or ask for a new one.', 'signed-out', code ?? null);
  }
  if (response.status === 429) {
    const wait = response.headers.get('Retry-After') ?? 'a few';
    return new RequestError(`Too many tries from this address. Wait ${wait} seconds, then try again.`, 'refused', code ?? null);
  }
  return new RequestError(detail ?? `The server answered ${response.status} without saying why.`, 'refused', code ?? null, requestId);
}
