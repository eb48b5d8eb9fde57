/**
 * One bundle per service, and one for the command line and the suite, made on the spot with esbuild: they halve the
 * memory and the start-up of what runs from sources. Nothing made here is committed.
 *
 *   node scripts/bundle.ts [FOLDER]     default: .build
 */

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';

const folder = process.argv[2] ?? join(root, '.build');

/**
 * pino-roll needs date-fns, 300 modules and 4 MB in every process, for files that roll by the calendar. Ours roll by
 * size: it is never called.
 */
const noCalendar = {
  name: 'no-calendar',
  setup(builder: import('esbuild').PluginBuild) {
    builder.onResolve({ filter: /^date-fns$/ }, ({ path }) => ({ path, namespace: 'no-calendar' }));
    builder.onLoad({ filter: /.*/, namespace: 'no-calendar' }, () => ({ contents: 'module.exports = {};' }));
  },
};

// Made beside, then put in place: whoever starts meanwhile finds the old bundles or the new ones, never half.
const part = `${folder}.${process.pid}`;
await build({
  absWorkingDir: root,
  entryPoints: {
    ...Object.fromEntries(services.map(({ name }) => [`services/${name}`, `services/${name}/service.ts`])),
    suite: 'scripts/suite.ts',
    vigil: 'scripts/vigil.ts',
  },
  outdir: part,
  bundle: true,
  minify: true,
  keepNames: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  conditions: ['node'],
  sourcemap: 'linked',
  sourcesContent: false,
  // Its compiled half cannot be bundled.
  external: ['better-sqlite3'],
  // What is CommonJS inside asks for a require of its own.
  banner: {
    js: `import{createRequire as vigilRequire}from'node:module';const require=vigilRequire(import.meta.url);`,
  },
  plugins: [noCalendar],
  logLevel: 'warning',
});
writeFileSync(join(part, 'made'), '');
rmSync(folder, { recursive: true, force: true });
renameSync(part, folder);
