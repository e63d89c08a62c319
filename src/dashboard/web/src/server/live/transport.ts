// What a way to the server is, for the file that chooses between them.
import type { RequestError } from '../graphql.ts';

/** One connection, or as many as it takes, for whatever is subscribed to. Once it is lost, it is not used again. */
export interface Transport {
  /** Subscribes until the returned function is called. */
  subscribe(document: string, variables: Record<string, unknown>, sink: Sink): () => void;
  /** Ends everything. Nothing is told any more. */
  end(): void;
}

/** What a subscription is told, over either way. */
export interface Sink {
  next(result: { data?: unknown; errors?: readonly { message: string; extensions?: unknown }[] | undefined }): void;
  /** It has ended, and will not begin again by itself. */
  failed(error: RequestError): void;
}

/** What is told of a connection. */
export interface Hears {
  connecting(): void;
  live(): void;
  /** Nobody subscribes to anything. */
  idle(): void;
  /** At most once; with what is subscribed to, which begins anew over another one. `wasLive`: it was there before. */
  lost(wasLive: boolean): void;
  /** At most once: the server wants a sign-in. */
  signedOut(): void;
}

/** The error in an answer. */
export interface TheirError {
  message: string;
  extensions?: unknown;
}
