// The words that people at a desk use for what the API calls by name, and how times are told.

/** Where an appointment is on the board. */
export type Place = Status | 'STALE';
export type Status = 'SCHEDULED' | 'CHECKED_IN' | 'READY' | 'CALLED_BACK' | 'DISCHARGED' | 'REMOVED';

export const STATUSES: readonly Status[] = [
  'SCHEDULED',
  'CHECKED_IN',
  'READY',
  'CALLED_BACK',
  'DISCHARGED',
  'REMOVED',
];

const STATUS_WORDS: Record<Status, string> = {
  SCHEDULED: 'Scheduled',
  CHECKED_IN: 'Checked in',
  READY: 'Ready',
  CALLED_BACK: 'Called back',
  DISCHARGED: 'Discharged',
  REMOVED: 'Removed',
};

const EVENT_WORDS: Record<string, string> = {
  CREATE: 'Created',
  RESCHEDULE: 'Rescheduled',
  DEMOGRAPHICS_UPDATE: 'Details changed',
  CHECKIN: 'Checked in',
  UNDO_CHECKIN: 'Check-in undone',
  REMOVE: 'Removed',
  UNDO_REMOVE: 'Removal undone',
  READY: 'Ready',
  UNDO_READY: 'Ready undone',
  CALLBACK: 'Called back',
  UNDO_CALLBACK: 'Call-back undone',
  DISCHARGE: 'Discharged',
  UNDO_DISCHARGE: 'Discharge undone',
};

export function statusWords(status: Status): string {
  return STATUS_WORDS[status];
}

/** An event type in words; as it is where it is none that is known. */
export function eventWords(event: string): string {
  return EVENT_WORDS[event] ?? event;
}

/** How long something lasts, in whole minutes: `<1 min`, `12 min`, `3h 05m`, `2d 4h`. */
export function durationWords(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return '<1 min';
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${String(minutes % 60).padStart(2, '0')}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** A count with its noun: `1 card`, `2,345 cards`. */
export function countWords(count: number, one: string, many: string): string {
  return `${numberWords(count)} ${count === 1 ? one : many}`;
}

/** The 13 events, in the order of the vendor's page. */
export const EVENTS: readonly string[] = Object.keys(EVENT_WORDS);

/** A count by itself: `2,345`. */
export function numberWords(count: number): string {
  return count.toLocaleString('en-US');
}

/** What stands for a count that nobody knows yet: it is not 0. */
export const UNKNOWN = '–';
