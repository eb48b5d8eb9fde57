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

/**
 * The SDKs are by far the largest things that core and tools may need, and what nobody talks to does not: as files of
 * their own they are not even read before the first question.
 */
const sdksApart = {
  name: 'sdks-apart',
  setup(builder: import('esbuild').PluginBuild) {
    const apart = { '@anthropic-ai/sdk': './anthropic-sdk.cjs', './sdk.ts': './mcp-sdk.cjs' };
    for (const [name, path] of Object.entries(apart)) {
      builder.onResolve({ filter: RegExp(`^${name}$`) }, ({ kind }) =>
        kind === 'dynamic-import' ? { path, external: true } : undefined,
      );
    }
  },
};

// Made beside, then put in place: whoever starts meanwhile finds the old bundles or the new ones, never half.
const part = `${folder}.${process.pid}`;
const common: import('esbuild').BuildOptions = {
  absWorkingDir: root,
  outdir: part,
  bundle: true,
  minify: true,
  keepNames: true,
  platform: 'node',
  target: 'node24',
  sourcemap: 'linked',
  sourcesContent: false,
  // Packages that lie elsewhere have the names that they have here: the same sources make the same bundles.
  preserveSymlinks: true,
  // The compiled half of the one cannot be bundled; the other is read on macOS only, by its first program.
  external: ['better-sqlite3', '@anthropic-ai/sandbox-runtime'],
  plugins: [noCalendar],
  logLevel: 'warning',
};
await Promise.all([
  // The services and their supervisor stay for days: as CommonJS they require what they use of node:http, while an import of it makes every
  // one of its exports, WebSocket and with it undici among them: 6 MB a process (measured on Node 24.21, Linux x64).
  build({
    ...common,
    entryPoints: {
      ...Object.fromEntries(services.map(({ name }) => [`services/${name}`, `services/${name}/service.ts`])),
      'services/anthropic-sdk': '@anthropic-ai/sdk',
      'services/mcp-sdk': 'services/tools/mcp/sdk.ts',
      // Threads of their own.
      'services/tools-page': 'services/tools/page.ts',
      'services/store-aside': 'shared/store/aside-thread.ts',
      suite: 'scripts/suite.ts',
    },
    plugins: [noCalendar, sdksApart],
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    define: {
      'import.meta.filename': '__filename',
      'import.meta.dirname': '__dirname',
      'import.meta.url': 'vigilUrl',
    },
    banner: { js: `const vigilUrl=require('node:url').pathToFileURL(__filename).href;` },
  }),
  build({
    ...common,
    entryPoints: { vigil: 'scripts/vigil.ts' },
    format: 'esm',
    // What a verb does not need is not read.
    splitting: true,
    chunkNames: 'vigil-[hash]',
    // What is CommonJS inside asks for a require of its own.
    banner: {
      js: `import{createRequire as vigilRequire}from'node:module';const require=vigilRequire(import.meta.url);`,
    },
  }),
]);
writeFileSync(join(part, 'made'), '');
rmSync(folder, { recursive: true, force: true });
renameSync(part, folder);
