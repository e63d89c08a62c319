// A value that pages follow. In goes a new value, out goes one call to each who follows it: nothing else is shared
// between the parts of the page.
import type { ReactiveController, ReactiveControllerHost } from 'lit';

export class State<T> {
  readonly #listeners = new Set<() => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls whenever the value has changed, until the returned function is called. */
  follow(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Draws an element again whenever one of these has changed, as long as the element is in the page. */
export class Follow implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #states: State<never>[];
  #ends: (() => void)[] = [];

  constructor(host: ReactiveControllerHost, ...states: State<unknown>[]) {
    this.#host = host;
    this.#states = states as State<never>[];
    host.addController(this);
  }

  hostConnected(): void {
    this.#ends = this.#states.map((state) => state.follow(() => this.#host.requestUpdate()));
    this.#host.requestUpdate();
  }

  hostDisconnected(): void {
    this.#ends.forEach((end) => end());
    this.#ends = [];
  }
}
