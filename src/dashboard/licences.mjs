// The licences of packages whose code goes into a page: they ask to go where the code goes.
// In come the paths of a bundle's inputs, out goes one text; the same inputs give the same text.
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

/** The text for the packages below `folder` that any of these files belong to. */
export function licences(folder, files) {
  const packages = new Set();
  for (const file of files) {
    // Also one that another package has for itself.
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(relative(folder, resolve(folder, file)));
    if (found) packages.add(found[1]);
  }
  const texts = [...packages].sort().map((path) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, path, 'package.json'), 'utf8'));
    const file = readdirSync(join(folder, path)).sort().find((file) => /^licen[cs]e/i.test(file));
    const text = file ? readFileSync(join(folder, path, file), 'utf8').trim() : `Licence: ${license}`;
    return `${name} ${version}\n\n${text}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
