// Follows a running server with the clients that people use, and resumes after every lost connection.
//   node follow.mjs ws|sse deliveries|appointmentChanged http://127.0.0.1:8080/graphql COUNT
// Prints each position as it comes; ends after COUNT, or with 1 where one is missing or comes twice, or the log is another.
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient as createSse } from 'graphql-sse';
import { createClient as createWs } from 'graphql-ws';
import WebSocket from 'ws';

const [transport, field, url, count] = process.argv.slice(2);
// The clients' own retries would ask again from where they began: this asks from where it is.
const client =
  transport === 'ws'
    ? createWs({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 })
    : createSse({ url, retryAttempts: 0 });
const query = `subscription ($after: Cursor) { ${field}(after: $after) { position cursor } }`;

let last = 0;
let cursor = '0';
let connections = 0;
while (last < Number(count)) {
  connections += 1;
  try {
    for await (const { data, errors } of client.iterate({ query, variables: { after: cursor } })) {
      if (errors?.[0].extensions.code === 'ANOTHER_HISTORY') {
        console.log(`another history after ${cursor}`);
        process.exit(1);
      }
      if (errors) throw new Error(JSON.stringify(errors));
      const position = Number(data[field].position);
      if (position !== last + 1) {
        console.log(`${position} came after ${last}`);
        process.exit(1);
      }
      last = position;
      ({ cursor } = data[field]);
      console.log(position);
      if (last === Number(count)) break;
    }
  } catch (lost) {
    // A close event, or an error of the network.
    console.log(`lost after ${last}: ${lost?.code ?? lost?.message ?? lost}`);
    await sleep(100);
  }
}
console.log(`${last} in order over ${connections} connections`);
process.exit(0);
