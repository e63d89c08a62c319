// How long to wait before asking again what was refused for the moment. In: how often it was in vain so far. Out: a time,
// longer each time up to a limit, and by chance up to twice that: not everybody asks at the same moment.

const FIRST_MS = 4_000;
const LONGEST_MS = 60_000;

export function againMs(inVain: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(inVain, 10)) * (1 + Math.random());
}
