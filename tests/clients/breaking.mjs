// Tells what a new schema takes away from the clients of an old one.
//   node breaking.mjs OLD.graphql NEW.graphql
// Prints each breaking change, and how many there are; exits 1 where there is one.
import { readFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

const [before, after] = process.argv.slice(2).map((path) => buildSchema(readFileSync(path, 'utf8')));
const changes = await diff(before, after);
const breaking = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
for (const { path, message } of breaking) console.log(`${path}: ${message}`);
console.log(`${breaking.length} of ${changes.length} changes break clients`);
process.exitCode = breaking.length === 0 ? 0 : 1;
