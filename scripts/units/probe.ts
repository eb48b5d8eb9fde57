/**
 * Stands in for a service in its own unit, and says what can be done from there: a line of JSON with an entry for each
 * thing tried, `yes` or the code of the refusal. Its argument is what to try: {"name": [verb, argument]}.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

const verbs: { [verb: string]: (on: string) => unknown } = {
  read: (file) => readFileSync(file),
  list: (folder) => readdirSync(folder),
  say: (file) => readFileSync(file, 'utf8').trim(),
  write(folder) {
    writeFileSync(`${folder}/probe`, '');
    rmSync(`${folder}/probe`);
  },
  run: (program) => execFileSync(program, { stdio: 'ignore' }),
  /** A program of its own, brought along. */
  runFrom(folder) {
    const program = `${folder}/program`;
    copyFileSync('/bin/true', program);
    chmodSync(program, 0o700);
    try {
      execFileSync(program);
    } finally {
      rmSync(program);
    }
  },
  processes: () => String(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length),
  listen: (host) =>
    new Promise((resolve, reject) => {
      const server = createServer().once('error', reject);
      server.listen(0, host, () => server.close(resolve));
    }),
};

const found: { [name: string]: string } = {};
for (const [name, [verb, on]] of Object.entries<[string, string]>(JSON.parse(process.argv[2] ?? '{}'))) {
  try {
    const said = await verbs[verb]?.(on);
    found[name] = typeof said === 'string' ? said : 'yes';
  } catch (error) {
    found[name] = String((error as NodeJS.ErrnoException).code ?? error);
  }
}
process.stdout.write(`${JSON.stringify(found)}\n`);
