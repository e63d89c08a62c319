// Holds a running server's answers against graphql-js 16: random documents, the same data, the same fields in the same
// order, errors at the same paths and places.
//   node oracle.mjs http://127.0.0.1:8080/graphql schema.graphql COUNT [FIRST]
// Prints each document for which the answers differ, made small, with its number; `COUNT` 1 and `FIRST` that number try it
// again. Exits 1 where any does.
import { readFileSync } from 'node:fs';
import { parse, specifiedRules, validate } from 'graphql';
import { Generator } from './generate.mjs';
import { ask, Served } from './served.mjs';
import { shrink } from './shrink.mjs';

const [url, sdl, count, first] = process.argv.slice(2);
const [COUNT, FIRST] = [Number(count), Number(first ?? 1)];
const AT_ONCE = 8;
/** The differences that are told; a thousand would say no more. */
const TOLD_MAX = Number(process.env.ORACLE_TOLD_MAX ?? 5);

const served = new Served(readFileSync(sdl, 'utf8'), url);
await served.introspect();
const words = await learn();
const seen = { documents: 0, large: 0, invalid: 0, errors: 0, refused: 0, differ: 0 };

/** Words that mean something to the server. */
async function learn() {
  const page = 'nodes { id } edges { cursor }';
  const { data } = await ask(url, { query: `{ appointments(first: 4) { ${page} } deliveries(first: 4) { ${page} } }` });
  const ids = [...data.appointments.nodes, ...data.deliveries.nodes].map((it) => it.id);
  const cursors = [...data.appointments.edges, ...data.deliveries.edges].map((it) => it.cursor);
  const now = Date.now();
  const times = [-3_600_000, -60_000, 0, 60_000].map((from) => new Date(Math.floor(now / 60_000) * 60_000 + from).toISOString());
  const numbers = ['1', '2', 3, 4, '5', '17', 'no number'];
  return {
    appointmentId: numbers, appointmentIds: numbers, appointmentIdPrefix: ['1', '12', '', 'x'],
    source: ['downtown', 'uptown', 'nowhere'], lifecycle: ['strict', 'none'],
    id: [...ids, 'nothing'], ids: [...ids, 'nothing'],
    after: [...cursors, 'nothing'], before: [...cursors, 'nothing'],
    first: [0, 1, 2, 2, 3, -1, 501], last: [0, 1, 2, -1],
    code: ['STATUS_NOT_ALLOWED', 'NO_SUCH'], timeZone: ['UTC', 'America/New_York', 'Mars/Olympus'],
    endedWithinHours: [0, 24, 744, 745], name: ['Appointment', 'Node', 'Outcome', 'AppointmentFilter', 'Query', 'Int', 'Nothing'],
    DateTime: times, Position: ['0', '1', '3', '7', '999'], Boolean: [true, false], Int: [0, 1, 5], ID: numbers, String: ['downtown', ''],
  };
}

/** The rules that a made document may break. That it breaks no other is looked at where the answers differ. */
const RULES = specifiedRules.filter(({ name }) =>
  /^(OverlappingFields|PossibleFragmentSpreads|VariablesInAllowedPosition|MaxIntrospectionDepth)/.test(name),
);

/** The request of a number; `undefined` where graphql-js finds that the document is not valid. */
function request(number) {
  const made = new Generator(served.schema, words, number).request();
  const document = parse(made.query);
  return validate(served.schema, document, RULES).length === 0 ? { ...made, document } : undefined;
}

/** What is compared of an answer. Of a refused request only that it is: how many errors it has is nobody's promise. */
function essence({ data, errors = [] }) {
  if (data === undefined) return { refused: errors.length > 0 };
  const told = errors.map(({ path = [], locations = [] }) => `${path.join('.')} at ${locations[0]?.line}:${locations[0]?.column}`);
  return { data, errors: told };
}

/** Whether the server has refused a document for its size, which GraphQL leaves to it. */
function beyondLimits({ errors = [] }) {
  return errors.some((error) => /_LIMIT_EXCEEDED$|^DOCUMENT_TOO_LARGE$/.test(error.extensions?.code));
}

/** What both say of a request, and whether it is the same. */
async function compare({ query, variables, operationName, document }) {
  const expected = await served.execute(document ?? parse(query), variables, operationName);
  const told = await ask(url, { query, variables, operationName });
  const [right, ours] = [essence(expected), essence(told)];
  return { same: JSON.stringify(right) === JSON.stringify(ours), right, ours, told, expected };
}

/** Whether it is a valid document for which the answers differ. */
async function differs(request) {
  const document = parse(request.query);
  if (validate(served.schema, document).length > 0) return false;
  const { same, told } = await compare({ ...request, document });
  return !same && !beyondLimits(told);
}

async function check(number) {
  const asked = request(number);
  if (asked === undefined) {
    seen.invalid += 1;
    return;
  }
  const { same, right, told } = await compare(asked);
  if (beyondLimits(told)) {
    seen.large += 1;
    return;
  }
  if (!same && validate(served.schema, asked.document).length > 0) {
    seen.invalid += 1;
    return;
  }
  seen.documents += 1;
  if (right.refused) seen.refused += 1;
  else if (right.errors.length > 0) seen.errors += 1;
  if (same) return;
  seen.differ += 1;
  if (seen.differ > TOLD_MAX) return;
  const small = await shrink(asked, differs);
  const { expected, told: answer } = await compare(small);
  console.log(`\nnumber ${number}: ${JSON.stringify({ variables: small.variables, operationName: small.operationName })}\n${small.query}`);
  console.log(`graphql-js: ${JSON.stringify(expected)}\nthe server: ${JSON.stringify(answer)}`);
}

let next = FIRST;
async function work() {
  while (seen.documents < COUNT && seen.differ <= 100 && !(COUNT === 1 && next > FIRST)) {
    const number = next;
    next += 1;
    await check(number);
  }
}

await Promise.all(Array.from({ length: COUNT === 1 ? 1 : AT_ONCE }, work));
console.log(`${seen.documents} documents, ${seen.errors} with errors of fields, ${seen.refused} refused, ${seen.invalid} not valid, ${seen.large} too large, ${seen.differ} differ`);
process.exitCode = seen.differ === 0 && seen.documents >= COUNT ? 0 : 1;
