// Whether this browser may read. What asks the server says what it was told; the shell acts on it. Apart from both,
// so that neither needs the other.
import { State } from '../base/state.ts';

/** `asking`: nothing has been answered yet. `out`: the server wants a sign-in. */
export type Access = 'asking' | 'in' | 'out';

export const access = new State<Access>('asking');
