import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { messageOf } from '#shared/base/errors.ts';
import { readCommand } from '#shared/commands.ts';
import { answerOf } from '#shared/runtime/terminal.ts';
import type { Store } from '#shared/store/store.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { of as pressOf } from '#shared/tables/press.ts';
import { AT, CONVERSATION, demandRunning, follow, openHouse, pressed, say } from './house.ts';

export function send(program: Command): void {
  program
    .command('send')
    .description('Send one message, or a /command, wait for the answer, and print it.')
    .argument('<text...>', "the message; '-' reads it from standard input")
    .option('-t, --timeout <seconds>', 'how long to wait', seconds, 120)
    .option('--json', 'print { id, turn, text } instead of the text alone')
    .action(async (words: string[], options: { timeout: number; json?: boolean }, command: Command) => {
      const text = words.join(' ') === '-' ? await standardInput() : words.join(' ');
      if (text.trim() === '') command.error('error: expected a message, got nothing');
      const { home, store } = await openHouse();
      try {
        const known = answerOf(home, text.trim(), AT);
        if (known !== null) {
          process.stdout.write(`${known}\n`);
          return;
        }
        await demandRunning(home);
        const late = setTimeout(() => {
          process.stderr.write(
            `vigil: no answer within ${options.timeout} s; the message is kept, and is answered later\n`,
          );
          process.exit(75); // EX_TEMPFAIL of sysexits.h
        }, options.timeout * 1000);
        await (readCommand(text.trim()) === null
          ? answered(store, text, options.json === true)
          : handled(store, text.trim(), options.json === true));
        clearTimeout(late);
      } finally {
        await store.close();
      }
    });
}

async function answered(store: Store, text: string, json: boolean): Promise<void> {
  const [newest] = await store.read(outbound.newest(CONVERSATION));
  let seen = newest?.id ?? 0;
  const id = await say(store, text);
  await follow(store, async () => {
    const [status] = await store.read(inbound.status(id));
    for (const row of await store.read(outbound.after(CONVERSATION, seen))) {
      if (status?.turn_id !== row.turn_id) continue;
      seen = row.id;
      if (row.kind === 'notice') process.stderr.write(`${row.text}\n`);
      else {
        const answer = { id, turn: row.turn_id, text: row.text };
        process.stdout.write(`${json ? JSON.stringify(answer) : row.text}\n`);
        if (status?.state === 'dead') process.exitCode = 1;
        return true;
      }
    }
    // An answer would be there: it comes in the commit that closes the message.
    if (status?.state !== 'dead' && status?.state !== 'answered') return false;
    process.stderr.write('vigil: it was stopped, and has no answer\n');
    process.exitCode = 1;
    return true;
  });
}

async function handled(store: Store, command: string, json: boolean): Promise<void> {
  const key = await pressed(store, command);
  await follow(store, async () => {
    const [press] = await store.read(pressOf('terminal', key));
    if (!press || press.handled_at === null) return false;
    const [told] = await store.read(outbound.keyed(`press:${press.id}`));
    const answer = { id: press.id, turn: null, text: told?.text ?? '' };
    if (told || json) process.stdout.write(`${json ? JSON.stringify(answer) : answer.text}\n`);
    return true;
  });
}

function seconds(value: string): number {
  const number = Number(value);
  if (!(number > 0)) throw new InvalidArgumentError(`expected a number of seconds, got '${value}'`);
  return number;
}

async function standardInput(): Promise<string> {
  let text = '';
  try {
    for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  } catch (error) {
    throw new Error(`standard input cannot be read: ${messageOf(error)}`);
  }
  return text;
}
