// Holds a running server against the GraphQL-over-HTTP audits of npm's `graphql-http`.
//   node audit.mjs http://127.0.0.1:8080/graphql
// Prints what does not hold, and how many audits ran; exits 1 unless every one is `ok`.
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: process.argv[2], fetchFn: fetch });
const wrong = results.filter(({ status }) => status !== 'ok');
for (const { status, id, name, reason } of wrong) console.log(`${status} ${id} ${name}: ${reason}`);
console.log(`${results.length - wrong.length} of ${results.length} audits are ok`);
process.exitCode = wrong.length === 0 ? 0 : 1;
