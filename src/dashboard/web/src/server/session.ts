// Who reads, and signing in and out. In: a token, typed once; the person's own activity. Out: a cookie that no script
// sees, and what the server says of whoever has it. Only what a person does keeps a session alive: a board that moves
// by itself does not.
import { access } from './access.ts';
import { address } from '../base/address.ts';
import { query, RequestError } from './graphql.ts';
import { connection, disconnect } from './live.ts';
import { State } from '../base/state.ts';

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
/** A timer takes no more than 24 days. */
const COOKIE_EVERY_MS = 24 * 3_600_000;
const ANSWER_MS_MAX = 20_000;
/** How much later than the server the page looks whether its time is over. */
const GRACE_MS = 2_000;
const ASK_AGAIN_MS = 5_000;
/** How often the page looks whether the session is over, where it does not know how long it lasts. */
const LOOK_EVERY_MS = 60_000;

/** When the server was told last that somebody is here; a page that was just loaded does not know. */
let renewed = Number.NEGATIVE_INFINITY;
/** When the session was begun or renewed last, as far as this page knows, on the computer's clock: that one goes on while
 * a laptop is closed. A page that was just loaded does not know: somebody may have been away for a while before. */
let seen = Number.NEGATIVE_INFINITY;
let watching: ReturnType<typeof setTimeout> | undefined;

/** Asks who reads. Where the server cannot say so for the moment, asks again after a while. */
export async function ask(): Promise<void> {
  try {
    me.value = await query<Me>(ME);
    watch();
  } catch (error) {
    const why = error as RequestError;
    me.value = why.kind === 'signed-out' ? null : why;
    if (why.passes) setTimeout(() => void ask(), ASK_AGAIN_MS);
  }
}

/** Signs in. Throws a `RequestError` whose words are for the person. */
export async function signIn(token: string): Promise<void> {
  const response = await send('POST', JSON.stringify({ token }));
  if (!response.ok) throw await refusal(response);
  seen = Date.now();
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
  seen = Number.NEGATIVE_INFINITY;
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

/** Tells the server that somebody is here, at most once a minute; where no idleness ends a session, once a day. */
async function renew(): Promise<void> {
  if (!isSignedIn()) return;
  const minutes = idleMinutes();
  const every = minutes === null ? COOKIE_EVERY_MS : Math.min(RENEW_EVERY_MS, minutes * 15_000);
  if (performance.now() - renewed < every) return;
  renewed = performance.now();
  // Movements come by the hundred: one that could not be told is not told again at once.
  const soon = renewed - every + Math.min(every, ASK_AGAIN_MS);
  try {
    const response = await send('PUT', null);
    if (response.status === 401) access.value = 'out';
    else if (response.ok) seen = Date.now();
    else renewed = soon;
  } catch {
    renewed = soon;
  }
  watch();
}

/** Looks whether the session is over when it should be. Another window may have kept it alive meanwhile. */
function watch(): void {
  clearTimeout(watching);
  const minutes = idleMinutes();
  if (minutes === null) {
    // Nobody moves a mouse at a wall, and browsers drop a cookie that is never renewed.
    const due = renewed + COOKIE_EVERY_MS - performance.now();
    if (isSignedIn()) watching = setTimeout(() => void renew(), Math.max(0, due));
    return;
  }
  const left = seen + minutes * 60_000 + GRACE_MS - Date.now();
  watching = setTimeout(() => void (left > LOOK_EVERY_MS ? watch() : look()), left > 0 ? Math.min(left, LOOK_EVERY_MS) : LOOK_EVERY_MS);
}

/** Asks whether the session is over. A question keeps nothing alive; where it is answered with 401, `access` says so. */
async function look(): Promise<void> {
  if (!isSignedIn()) return;
  clearTimeout(watching);
  await query('{ reader { name } }').catch(() => {});
  if (access.value !== 'out') watch();
}

// A laptop that was closed, a tab that was in the background, a page that the browser had kept: timers stood still.
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void look();
});
addEventListener('pageshow', () => void look());

function isSignedIn(): boolean {
  return me.value !== null && !(me.value instanceof RequestError) && me.value.reader.signedIn;
}

function idleMinutes(): number | null {
  return me.value !== null && !(me.value instanceof RequestError) && me.value.reader.signedIn
    ? me.value.reader.idleSignOutMinutes
    : null;
}

async function send(method: string, body: string | null): Promise<Response> {
  try {
    return await fetch(address('session'), {
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
