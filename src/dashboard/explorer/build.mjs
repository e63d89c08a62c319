// Bundles the explorer into a folder: the page, one script, one style sheet, and the licences of what is in them.
//   node build.mjs [FOLDER]     (dist; its files are committed, so that building the server needs no Node)
// The same lock file gives the same bytes.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { licences } from '../licences.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.argv[2] ?? join(here, 'dist'));

/** GraphiQL's style sheet carries ten times its size in fonts; the browser has fonts of its own. */
const withoutFonts = {
  name: 'without-fonts',
  setup({ onLoad }) {
    onLoad({ filter: /graphiql[/\\]dist[/\\]style\.css$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(/@font-face\s*\{[^}]*\}/g, ''),
      loader: 'css',
    }));
  },
};

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ['explorer.jsx'],
  outdir: folder,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  charset: 'utf8',
  legalComments: 'none',
  metafile: true,
  plugins: [withoutFonts],
});
cpSync(join(here, 'index.html'), join(folder, 'index.html'));

writeFileSync(join(folder, 'licences.txt'), licences(here, Object.keys(metafile.inputs)));
