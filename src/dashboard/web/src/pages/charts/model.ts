// The four charts as figures: what is drawn, what stands in the table, and what is saved are the same numbers. In: what
// the API tells. Out: series of numbers over steps of time. No drawing.
import type { Cell } from '../../text/csv.ts';
import { zonedIso } from '../../text/times.ts';
import { statusWords, type Status } from '../../text/words.ts';
import type { Bucket } from './data.ts';

export interface Series {
  words: string;
  /** One a step; null where there is none. Rounded as it is shown. */
  values: (number | null)[];
}

export interface Chart {
  id: string;
  title: string;
  /** What it counts, and what not. */
  note: string;
  /** What stands behind a number. */
  unit: string;
  /** Digits after the point. */
  digits: number;
  /** What is said where nothing is to be drawn. */
  empty: string;
  series: Series[];
  /** The beginnings and the ends of the steps, in milliseconds since 1970. */
  from: number[];
  to: number[];
}

/** Who is here. SCHEDULED is left out: most of those are days away; and who has ended stays ended for ever. */
const HERE: readonly Status[] = ['CHECKED_IN', 'READY', 'CALLED_BACK'];

export function charts(buckets: readonly Bucket[]): Chart[] {
  const times = { from: buckets.map(({ from }) => Date.parse(from)), to: buckets.map(({ to }) => Date.parse(to)) };
  const series = (words: string, value: (bucket: Bucket) => number | null, digits = 0): Series => ({
    words,
    values: buckets.map((bucket) => rounded(value(bucket), digits)),
  });
  const minutes = (seconds: number | null) => (seconds === null ? null : seconds / 60);
  const census = (status: Status) => (bucket: Bucket) =>
    bucket.census?.find((one) => one.status === status)?.count ?? null;
  return [
    {
      id: 'arrivals',
      title: 'Arrivals and discharges',
      note: 'Patients who came, by check-in or where that is missing by the first step after it, and who were discharged.',
      unit: '',
      digits: 0,
      empty: 'Nobody came or left in this time.',
      series: [series('Arrivals', (bucket) => bucket.arrivals), series('Discharges', (bucket) => bucket.discharges)],
      ...times,
    },
    {
      id: 'census',
      title: 'Census',
      note: 'Who was here at the end of each step, by status. Whoever was never discharged stays here.',
      unit: '',
      digits: 0,
      empty: 'Nobody was here in this time.',
      series: HERE.map((status) => series(statusWords(status), census(status))),
      ...times,
    },
    {
      id: 'waits',
      title: 'Waits',
      note: 'From check-in to the room, and from check-in to discharge, in minutes, by when they ended. 90th percentile: nine in ten took at most so long.',
      unit: 'min',
      digits: 1,
      empty: 'No wait ended in this time.',
      series: [
        series('To the room, median', (bucket) => minutes(bucket.checkInToCallBack.medianSeconds), 1),
        series('To the room, 90th percentile', (bucket) => minutes(bucket.checkInToCallBack.p90Seconds), 1),
        series('Whole stay, median', (bucket) => minutes(bucket.checkInToDischarge.medianSeconds), 1),
        series('Whole stay, 90th percentile', (bucket) => minutes(bucket.checkInToDischarge.p90Seconds), 1),
      ],
      ...times,
    },
    {
      id: 'rejected',
      title: 'Rejected share',
      note: 'Of 100 deliveries that arrived, so many were rejected. Where nothing arrived there is no share.',
      unit: '%',
      digits: 1,
      empty: 'Nothing was rejected in this time.',
      series: [
        series('Rejected', (bucket) => (bucket.rejectedRate === null ? null : bucket.rejectedRate * 100), 1),
      ],
      ...times,
    },
  ];
}

/** Whether there is nothing to be seen. */
export function isEmpty({ series }: Chart): boolean {
  return series.every(({ values }) => values.every((value) => value === null || value === 0));
}

/** A number as it is shown: with its digits, without its unit. */
export function figure(value: number | null, { digits }: Chart): string {
  return value === null ? '–' : value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The head of a column. */
export function columnWords({ words }: Series, { unit }: Chart): string {
  return unit ? `${words} (${unit})` : words;
}

/** The chart as rows of a file: a head, and a row a step. */
export function rows(chart: Chart, source: string | null, zone: string): Cell[][] {
  const head = ['Source', 'From (UTC)', 'To (UTC)', `From (${zone})`, ...chart.series.map((one) => columnWords(one, chart))];
  const row = (from: number, index: number): Cell[] => [
    source ?? 'all',
    new Date(from).toISOString(),
    new Date(chart.to[index] as number).toISOString(),
    zonedIso(from, zone),
    ...chart.series.map(({ values }) => values[index] ?? null),
  ];
  return [head, ...chart.from.map(row)];
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}
