import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { messageOf } from '#shared/base/errors.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { CONVERSATION, demandRunning, follow, openHouse, say } from './house.ts';

export function send(program: Command): void {
  program
    .command('send')
    .description('Send one message, wait for the answer, and print it.')
    .argument('<text...>', "the message; '-' reads it from standard input")
    .option('-t, --timeout <seconds>', 'how long to wait', seconds, 120)
    .option('--json', 'print { id, turn, text } instead of the text alone')
    .action(async (words: string[], options: { timeout: number; json?: boolean }, command: Command) => {
      const text = words.join(' ') === '-' ? await standardInput() : words.join(' ');
      if (text.trim() === '') command.error('error: expected a message, got nothing');
      const { home, store } = await openHouse();
      try {
        await demandRunning(home);
        const [newest] = await store.read(outbound.newest(CONVERSATION));
        let seen = newest?.id ?? 0;
        const id = await say(store, text);
        const late = setTimeout(() => {
          process.stderr.write(
            `vigil: no answer within ${options.timeout} s; the message is kept, and is answered later\n`,
          );
          process.exit(75); // EX_TEMPFAIL of sysexits.h
        }, options.timeout * 1000);
        await follow(store, async () => {
          const [status] = await store.read(inbound.status(id));
          for (const row of await store.read(outbound.after(CONVERSATION, seen))) {
            if (status?.turn_id !== row.turn_id) continue;
            seen = row.id;
            if (row.kind === 'notice') process.stderr.write(`${row.text}\n`);
            else {
              const answer = { id, turn: row.turn_id, text: row.text };
              process.stdout.write(`${options.json ? JSON.stringify(answer) : row.text}\n`);
              if (status?.state === 'dead') process.exitCode = 1;
              return true;
            }
          }
          return false;
        });
        clearTimeout(late);
      } finally {
        await store.close();
      }
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
