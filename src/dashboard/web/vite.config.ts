// Builds the pages into `dist/`: one index.html for every page, one chunk a page, and the licences of what is in them.
//   npm run build [-- --outDir FOLDER]     (dist; its files are committed, so that building the server needs no Node)
// Names are fixed, because the server has them in its table of files; the same lock file gives the same bytes.
import { basename, dirname } from 'node:path';
import { defineConfig, type Plugin } from 'vite';
import { licences } from '../licences.mjs';

const withLicences: Plugin = {
  name: 'with-licences',
  generateBundle(_, bundle) {
    const inputs = Object.values(bundle).flatMap((part) => (part.type === 'chunk' ? Object.keys(part.modules) : []));
    this.emitFile({ type: 'asset', fileName: 'assets/licences.txt', source: licences(import.meta.dirname, inputs) });
  },
};

export default defineConfig({
  // Every address is relative to the document or the script that names it: a proxy may have put the pages under a path.
  base: './',
  publicDir: false,
  plugins: [withLicences],
  build: {
    target: 'es2022',
    emptyOutDir: true,
    // Nothing is inlined: the pages' policy allows no inline style, and a chunk is preloaded by no script of its own.
    assetsInlineLimit: 0,
    modulePreload: false,
    cssCodeSplit: false,
    rolldownOptions: {
      output: {
        entryFileNames: 'assets/app.js',
        // A page's element is in FOLDER/page.ts, and its chunk is called after the folder.
        chunkFileNames: ({ name, facadeModuleId }) =>
          `assets/${name === 'page' && facadeModuleId ? basename(dirname(facadeModuleId)) : name}.js`,
        assetFileNames: 'assets/app[extname]',
        // What several pages use is one chunk, so that its name does not change with what they use.
        codeSplitting: { groups: [{ name: 'shared', test: /src\/|node_modules\//, minShareCount: 2 }] },
      },
    },
  },
});
