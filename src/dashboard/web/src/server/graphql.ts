// One question to `/graphql`. In: a document and its variables. Out: `data`, or an error that says what happened, to
// what, and what to do. A browser's cookie says who asks; nothing else does.
import { access } from './access.ts';
import { address } from '../base/address.ts';
import { hearDate } from './clock.ts';

/** How long an answer may take: the server itself ends a query after ten seconds. */
const ANSWER_MS_MAX = 20_000;

/** What the server says where the same question may be answered in a moment. */
const PASSING = [
  'INTERNAL_SERVER_ERROR',
  'STORAGE_FAILED',
  'EXECUTION_TIMEOUT',
  'TOO_MANY_QUERIES',
  'TOO_MANY_SUBSCRIPTIONS',
  'DRAINING',
];

/** Why there is no answer. `code` is the server's, where it gave one; `requestId` finds the request in its log. */
export class RequestError extends Error {
  override name = 'RequestError';

  constructor(
    message: string,
    readonly kind: 'unreachable' | 'signed-out' | 'refused',
    readonly code: string | null = null,
    readonly requestId: string | null = null,
  ) {
    super(requestId ? `${message} (request ${requestId})` : message);
  }

  /** Whether it is worth asking again. */
  get passes(): boolean {
    return this.kind === 'unreachable' || (this.kind === 'refused' && (this.code === null || PASSING.includes(this.code)));
  }
}

interface Answer {
  data?: unknown;
  errors?: { message: string; extensions?: { code?: string } }[];
}

/** Asks, and returns `data`. Throws a `RequestError`. */
export async function query<Data>(
  document: string,
  variables: Record<string, unknown> = {},
  signal?: AbortSignal,
): Promise<Data> {
  const timeout = AbortSignal.timeout(ANSWER_MS_MAX);
  let response: Response;
  let answer: Answer;
  try {
    response = await fetch(address('graphql'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({ query: document, variables }),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      redirect: 'error',
    });
    answer = await body(response);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError(
      'The server does not answer. Is it running, and is this computer connected to it?',
      'unreachable',
    );
  }
  hearDate(response.headers.get('Date'));
  const requestId = response.headers.get('X-Request-Id');
  const error = answer.errors?.[0];
  const code = error?.extensions?.code ?? null;
  if (response.status === 401) {
    access.value = 'out';
    throw new RequestError('This browser is not signed in.', 'signed-out', code, requestId);
  }
  if (error || answer.data === undefined || answer.data === null) {
    const words = error?.message ?? `The server answered ${response.status} without saying why.`;
    throw new RequestError(words, 'refused', code, requestId);
  }
  access.value = 'in';
  return answer.data as Data;
}

/** What a person is told of anything that was thrown. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function body(response: Response): Promise<Answer> {
  const text = await response.text();
  try {
    return JSON.parse(text) as Answer;
  } catch {
    // A proxy's page in place of an answer.
    return {};
  }
}
