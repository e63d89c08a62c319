// Why no WebSocket opens: a browser says only that none does. In: nothing. Out: what the server says, asked over HTTP.
import { address } from '../../base/address.ts';

const ANSWER_MS_MAX = 10_000;

/** `taken`: the server would take one, so something between takes it away. `unknown`: nobody answers who knows. */
export type WhyNot = { is: 'taken' } | { is: 'unknown' } | { is: 'refused'; passes: boolean; message: string };

export async function whyNoSocket(): Promise<WhyNot> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(address('graphql/socket'), { method: 'POST', redirect: 'error', signal });
    if (response.status === 204) return { is: 'taken' };
    const { code, detail } = (await response.json()) as { code?: string; detail?: string };
    if (!code || !detail || response.status === 404) return { is: 'unknown' };
    return { is: 'refused', passes: response.status >= 500, message: detail };
  } catch {
    return { is: 'unknown' };
  }
}
