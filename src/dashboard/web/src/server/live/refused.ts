// The server's refusals as errors of the pages.
import { RequestError } from '../graphql.ts';
import type { TheirError } from './transport.ts';

export function refused(error: TheirError | undefined): RequestError {
  const code = (error?.extensions as { code?: string } | undefined)?.code ?? null;
  return new RequestError(error?.message ?? 'The server ended it without saying why.', 'refused', code);
}
