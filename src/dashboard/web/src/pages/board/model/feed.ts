// The board's subscription: what the page asks, and what the answers are made into. In: which board. Out: a whole
// board at the beginning of each connection, then what becomes of it.
import { againMs } from '../../../server/again.ts';
import { follow } from '../../../server/live.ts';
import { RequestError } from '../../../server/graphql.ts';
import type { Place, Status } from '../../../text/words.ts';
import type { Card, Change, WholeBoard } from './board.ts';

/** The most cards of a column that the server tells. */
export const COLUMN_MAX = 5_000;
/** Below this many a server's limit is no reason to ask for less. */
const COLUMN_MIN = 100;

/** Which board. */
export interface Wanted {
  /** Null: all that this reader may see. */
  source: string | null;
  endedWithinHours: number;
}

export interface Heard {
  whole(board: WholeBoard, asOf: string): void;
  changed(changes: Change[], asOf: string): void;
  /** Where it passes, it is asked again. */
  failed(error: RequestError): void;
}

interface TheirCard {
  source: string;
  appointmentId: string;
  status: Status;
  statusSince: string;
  lastEvent: string | null;
}

interface TheirUpdate {
  asOf: string;
  board: {
    columns: { status: Status; count: number; appointments: TheirCard[] }[];
    stale: { count: number; appointments: TheirCard[] };
  } | null;
  changes: { from: Place | null; to: Place | null; appointment: TheirCard }[];
}

const BOARD = `subscription Board($source: String, $endedWithinHours: Int!, $first: Int!) {
  board(source: $source, endedWithinHours: $endedWithinHours) {
    asOf
    board {
      columns { status count appointments(first: $first) { ...Card } }
      stale { count appointments(first: $first) { ...Card } }
    }
    changes { from to appointment { ...Card } }
  }
}
fragment Card on Appointment { source appointmentId status statusSince lastEvent }`;

/** Follows a board until the returned function is called. */
export function followBoard(wanted: Wanted, heard: Heard): () => void {
  let end = () => {};
  let again: ReturnType<typeof setTimeout> | undefined;
  const begin = (first: number) => {
    end = follow<{ board: TheirUpdate }>(BOARD, { ...wanted, first }, {
      next({ board: { asOf, board, changes } }) {
        if (board) heard.whole(whole(board), asOf);
        if (changes.length > 0) heard.changed(changes.map(change), asOf);
      },
      failed(error) {
        // What a query may cost is the server's setting, and grows with the hours: ask for fewer cards.
        if (error.code === 'COMPLEXITY_LIMIT_EXCEEDED' && first > COLUMN_MIN) return begin(Math.floor(first / 2));
        if (error.passes) again = setTimeout(() => begin(first), againMs(0));
        heard.failed(error);
      },
    });
  };
  begin(COLUMN_MAX);
  return () => {
    clearTimeout(again);
    end();
  };
}

function whole(board: NonNullable<TheirUpdate['board']>): WholeBoard {
  const list = ({ count, appointments }: { count: number; appointments: TheirCard[] }) => ({
    count,
    cards: appointments.map(card),
  });
  const columns = board.columns.map((column): [Place, { count: number; cards: Card[] }] => [
    column.status,
    list(column),
  ]);
  return { lists: new Map([...columns, ['STALE', list(board.stale)]]) };
}

function change({ from, to, appointment }: TheirUpdate['changes'][number]): Change {
  return { card: card(appointment), from, to };
}

function card(their: TheirCard): Card {
  return {
    key: `${their.source}/${their.appointmentId}`,
    source: their.source,
    appointmentId: their.appointmentId,
    status: their.status,
    since: Date.parse(their.statusSince),
    event: their.lastEvent,
  };
}
