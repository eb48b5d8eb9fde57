/**
 * The first hour: from nothing to a house that runs, step by step. What is done is remembered, so that it can be left at
 * any time and goes on where it stopped.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { Misconfigured } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';
import { nearest } from '#shared/base/spelling.ts';
import { homeOf } from '#shared/runtime/home.ts';
import { onMac } from '#shared/runtime/launchctl.ts';
import type { Profile } from '../host/place.ts';
import type { Step, Visit } from './setup/step.ts';

/** Each is loaded when its turn comes: --help stays quick. */
const steps: readonly Step[] = [
  { name: 'key', title: 'Who answers', run: async (visit) => (await import('./setup/key.ts')).key(visit) },
  { name: 'bot', title: 'Your bot', run: async (visit) => (await import('./setup/bot.ts')).bot(visit) },
  {
    name: 'sandbox',
    title: 'The sandbox',
    run: async (visit) => (await import('./setup/sandbox.ts')).sandbox(visit),
  },
  {
    name: 'settings',
    title: 'Budget, quiet hours, alarm',
    run: async (visit) => (await import('./setup/settings.ts')).settings(visit),
  },
  {
    name: 'install',
    title: 'Where it runs',
    run: async (visit) => (await import('./setup/install.ts')).install(visit),
  },
  ...(onMac
    ? [
        {
          name: 'mac',
          title: 'This Mac',
          run: async (visit: Visit) => (await import('./setup/mac.ts')).mac(visit),
        },
      ]
    : []),
  { name: 'trial', title: 'A trial', run: async (visit) => (await import('./setup/trial.ts')).trial(visit) },
];

type Options = { answers?: string; yes?: boolean; again?: string; profile?: Profile | 'none' };

export function setup(program: Command): void {
  program
    .command('setup')
    .description('The first hour: a key, a bot, a budget, and Vigil runs. Goes on where it was left.')
    .option('--answers <file>', 'a TOML file that answers the questions (docs/setup.md)')
    .option('-y, --yes', 'ask nothing: what is not answered is what Enter would give')
    .option('--again <step>', `do this step once more: ${steps.map(({ name }) => name).join(', ')}`)
    .addOption(
      new Option('--profile <profile>', 'go straight to the installation').choices([
        'system',
        'user',
        'mac',
        'none',
      ]),
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { handOver, placeHere } = await import('./installed.ts');
  const place = placeHere();
  if (await handOver(place)) return;
  const { MANIFEST } = await import('#shared/runtime/releases.ts');
  // What is written into a release makes another one of it.
  if (!place && existsSync(join(root, MANIFEST)) && !process.env.VIGIL_HOME) {
    throw new Misconfigured(
      'setup: this release is not installed yet',
      `${join(root, 'bin', 'vigil')} install, then: vigil setup`,
    );
  }
  if (options.again !== undefined && !steps.some(({ name }) => name === options.again)) {
    const names = steps.map(({ name }) => name);
    const meant = nearest(options.again, names);
    throw new Misconfigured(
      `setup: there is no step '${options.again}'${meant ? `, did you mean '${meant}'?` : ''}`,
      `name one of ${names.join(', ')}`,
    );
  }
  const asks = process.stdin.isTTY && process.stdout.isTTY && !options.yes;
  if (!asks && options.answers === undefined && !options.yes) {
    throw new Misconfigured(
      'setup: there is no terminal to ask on',
      'run it on a terminal, or with --answers FILE (docs/setup.md)',
    );
  }
  const { NO_ANSWERS, readAnswers } = await import('./setup/answers.ts');
  const answers = options.answers === undefined ? structuredClone(NO_ANSWERS) : readAnswers(options.answers);
  if (options.profile) answers.install.profile = options.profile;
  const first = options.profile ? 'install' : 'key';
  const { HandedOver, Left, silentDesk, terminalDesk } = await import('./setup/desk.ts');
  const desk = asks ? await terminalDesk() : silentDesk((text) => process.stdout.write(text));
  const { prepareHome } = await import('#shared/runtime/home.ts');
  const { demandRoot } = await import('../host/permit.ts');
  if (place?.profile === 'system') demandRoot('setup of an installation for the machine');
  process.umask(0o077);
  const visit: Visit = { home: place?.home ?? homeOf(), desk, answers, place };
  const { giveBack } = await import('./setup/house.ts');
  if (!place) prepareHome(visit.home);
  try {
    await walk(visit, options.again, first);
  } catch (error) {
    if (error instanceof HandedOver) process.exitCode = error.code;
    else if (error instanceof Left) {
      process.stdout.write('\nWhat is done is kept. Go on with: scripts/vigil setup\n');
      process.exitCode = 130; // as a shell says of a program that was interrupted
    } else throw error;
  } finally {
    if (!place) giveBack(homeOf());
  }
}

async function walk(visit: Visit, again: string | undefined, first: string): Promise<void> {
  const { readProgress, writeProgress } = await import('./setup/progress.ts');
  const progress = readProgress(visit.home);
  const { desk } = visit;
  const left: string[] = [];
  const begin = steps.findIndex(({ name }) => name === first);
  for (const [index, { name, title, run }] of steps.entries()) {
    if (again === undefined ? progress[name] !== undefined : name !== again) continue;
    // What is to be tried is not there yet.
    if (index < begin || (name === 'trial' && left.includes('install'))) {
      left.push(name);
      continue;
    }
    desk.title(title);
    if (await run(visit)) progress[name] = new Date().toISOString();
    else {
      delete progress[name];
      left.push(name);
    }
    // An installation has taken the home over, and goes on from here.
    writeProgress(visit.home, progress);
  }
  if (left.length > 0) {
    desk.warn(`Not done yet: ${left.join(', ')}. Go on with: scripts/vigil setup`);
    process.exitCode = 1;
  } else if (again === undefined) desk.say('All is set up. scripts/vigil setup --again STEP changes a step.');
}
