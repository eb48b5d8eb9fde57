/** The second switch, by hand: nothing runs, also after a reboot, until somebody at a shell says otherwise. */

import { existsSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { homeOf } from '#shared/runtime/home.ts';
import { demandRights, installed, since } from './host.ts';
import { hurt, late } from './upgrade.ts';

export function off(program: Command): void {
  program
    .command('off')
    .description('Stop everything and keep it stopped, also after a reboot, until vigil on.')
    .argument('[reason...]', 'what for')
    .action(async (words: string[]) => {
      const began = performance.now();
      const why = ['vigil off by', userInfo().username, ...(words.length > 0 ? ['–', ...words] : [])].join(
        ' ',
      );
      const host = installed();
      if (host) demandRights(host, 'to switch Vigil off');
      const { alive, forbid, switchOff } = await import('../host/off.ts');
      let left: string[];
      if (host) left = await switchOff(host.place, host.supervisor, why);
      else {
        const home = homeOf();
        const { endSuite } = await import('../host/foreground.ts');
        forbid(home, why);
        await endSuite(home);
        left = alive(home);
      }
      if (left.length > 0) {
        process.stdout.write(`STILL ALIVE after ${since(began)}: ${left.join(', ')}\n`);
        process.exitCode = 1;
      } else {
        process.stdout.write(`off: 0 processes, in ${since(began)}; it stays so until: vigil on\n`);
      }
    });
}

export function on(program: Command): void {
  program
    .command('on')
    .description('Start what vigil off has stopped.')
    .action(async () => {
      const began = performance.now();
      const host = installed();
      if (!host) {
        const { stopped } = homeOf();
        const was = existsSync(stopped);
        rmSync(stopped, { force: true });
        process.stdout.write(
          `${was ? 'Vigil may run again' : 'Vigil was not off'}. Start it: scripts/start\n`,
        );
        return;
      }
      demandRights(host, 'to switch Vigil on');
      const { switchOn } = await import('../host/off.ts');
      const verdict = await switchOn(host.place, host.supervisor);
      const all = verdict.ready.length + verdict.late.length;
      process.stdout.write(
        `on: ${verdict.ready.length} of ${all} ready, in ${since(began)}\n${late(verdict.late)}`,
      );
      if (hurt(verdict.late)) process.exitCode = 1;
    });
}
