// What of the board is shown. In: the page's address. Out: filters, and the address that has them: so a filtered board
// can be kept as a bookmark or sent to somebody. What an address has wrong counts as absent.
import { setParameters } from '../../../routes/router.ts';
import { STATUSES, type Status } from '../../../text/words.ts';

export interface Filters {
  /** Null: all sources. */
  source: string | null;
  /** The columns, in the board's order. */
  statuses: readonly Status[];
  onlyLong: boolean;
  /** How long who was discharged or removed stays. */
  endedWithinHours: number;
  /** A part of an appointment's number. */
  search: string;
  /** A wall display: nothing to click. */
  wall: boolean;
}

export const ENDED_HOURS: readonly number[] = [1, 4, 8, 12, 24, 48, 72, 168];
const ENDED_HOURS_DEFAULT = 24;
const ENDED_HOURS_MAX = 744;
const SEARCH_CHARACTERS_MAX = 19;

export function filtersOf({ searchParams }: URL): Filters {
  const asked = (searchParams.get('status') ?? '').split(',');
  const statuses = STATUSES.filter((status) => asked.includes(status));
  const hours = searchParams.get('ended');
  return {
    source: searchParams.get('source') || null,
    statuses: statuses.length > 0 ? statuses : STATUSES,
    onlyLong: searchParams.get('long') === '1',
    endedWithinHours: hours !== null && /^\d{1,3}$/.test(hours) && Number(hours) <= ENDED_HOURS_MAX ? Number(hours) : ENDED_HOURS_DEFAULT,
    search: searchText(searchParams.get('q') ?? ''),
    wall: searchParams.get('tv') === '1',
  };
}

/** Writes into the address what is different. */
export function setFilters(change: Partial<Filters>): void {
  const { source, statuses, onlyLong, endedWithinHours, search } = change;
  setParameters({
    ...(source !== undefined && { source }),
    ...(statuses !== undefined && { status: statuses.length === STATUSES.length ? null : statuses.join(',') }),
    ...(onlyLong !== undefined && { long: onlyLong ? '1' : null }),
    ...(endedWithinHours !== undefined && {
      ended: endedWithinHours === ENDED_HOURS_DEFAULT ? null : String(endedWithinHours),
    }),
    ...(search !== undefined && { q: searchText(search) || null }),
  });
}

/** Whether cards that are on the board may not be shown. */
export function hidesCards({ onlyLong, search }: Filters): boolean {
  return onlyLong || search !== '';
}

/** Whether anything but the whole board is asked for. */
export function isFiltered(filters: Filters): boolean {
  return hidesCards(filters) || filters.source !== null || filters.statuses.length < STATUSES.length;
}

/** Shows everything again. */
export function clearFilters(): void {
  setFilters({ source: null, statuses: STATUSES, onlyLong: false, search: '' });
}

/** Appointments have numbers: nothing else is looked for. */
function searchText(text: string): string {
  return text.replace(/\D/g, '').slice(0, SEARCH_CHARACTERS_MAX);
}
