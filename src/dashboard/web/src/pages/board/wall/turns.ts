// Which columns a wall shows now. In: all that are to be shown, and how wide the window is. Out: those that have room
// beside each other; where that is not all, parts of the same size take turns, as a column's pages do.

/** How long a part, or a page of a column, stands. */
export const PAGE_MS = 12_000;
/** What a column needs, with the space beside it; and what is around all of them. */
const COLUMN_REM = 10.25;
const AROUND_REM = 1.25;

/** What is shown at a time. */
export interface Turn<T> {
  /** How many are before it. */
  from: number;
  shown: readonly T[];
  /** How many parts there are. */
  turns: number;
}

export function turnOf<T>(columns: readonly T[]): Turn<T> {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const room = Math.max(1, Math.floor((innerWidth / rem - AROUND_REM) / COLUMN_REM));
  const turns = Math.ceil(columns.length / room);
  const each = Math.ceil(columns.length / turns);
  const from = (Math.floor(performance.now() / PAGE_MS) % turns) * each;
  return { from, shown: columns.slice(from, from + each), turns };
}
