// The server's clock, as well as it can be told from here. In: the time that an answer shows, the moment it comes.
// Out: the server's time now. Between answers time passes by this browser's stopwatch, which nobody sets; what its
// wall clock shows does not matter.

export class ServerClock {
  #ahead: number | null = null;

  /** A new beginning: whatever was known before does not count. */
  begin(asOf: string): void {
    this.#ahead = Date.parse(asOf) - performance.now();
  }

  /** An answer on the way only makes the server's clock seem late: the one that took the shortest time is right. */
  hear(asOf: string): void {
    const ahead = Date.parse(asOf) - performance.now();
    this.#ahead = this.#ahead === null ? ahead : Math.max(this.#ahead, ahead);
  }

  /** The server's time in milliseconds since 1970; the browser's own before the server has said anything. */
  now(): number {
    return this.#ahead === null ? Date.now() : performance.now() + this.#ahead;
  }
}

/** More than an answer can be late: then the clock was set. */
const SET_MS = 10_000;

/** The clock of whoever answers questions, as the header `Date` of each answer shows it, to the second. */
export const serverClock = new ServerClock();

/** Hears the header `Date` of an answer. */
export function hearDate(date: string | null): void {
  if (date === null || Number.isNaN(Date.parse(date))) return;
  if (Math.abs(Date.parse(date) - serverClock.now()) > SET_MS) serverClock.begin(date);
  else serverClock.hear(date);
}
