import { createInterface } from 'node:readline';
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { readCommand } from '#shared/commands.ts';
import type { Home } from '#shared/runtime/home.ts';
import { answerOf } from '#shared/runtime/terminal.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { AT, CONVERSATION, demandRunning, follow, openHouse, outcomeOf, pressed, say } from './house.ts';

export function chat(program: Command): void {
  program
    .command('chat')
    .description('Talk to a running Vigil here in the terminal; /quit or Ctrl-C leaves.')
    .action(async () => {
      const { home, store } = await openHouse();
      try {
        await demandRunning(home);
        await talk(home, store);
      } finally {
        await store.close();
      }
    });
}

type Store = Awaited<ReturnType<typeof openHouse>>['store'];

async function talk(home: Home, store: Store): Promise<void> {
  const [newest] = await store.read(outbound.newest(CONVERSATION));
  let seen = newest?.id ?? 0;
  let left = false;
  /** Messages on their way in, and those that wait for their answer: piped input ends when there are none. */
  let saying = 0;
  const unanswered = new Set<number>();
  const unhandled = new Set<string>();
  let ended = false;
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: styleText('cyan', 'you › '),
  });
  if (process.stdin.isTTY) process.stdout.write('Type a message, or /help; /quit or Ctrl-C leaves.\n');
  terminal.prompt();

  terminal.on('line', async (line) => {
    const text = line.trim();
    if (text === '/quit' || text === '/exit') return terminal.close();
    if (text === '') return terminal.prompt();
    const answer = answerOf(home, text, AT);
    if (answer !== null) {
      process.stdout.write(`${styleText('yellow', 'vigil · ')}${answer}\n`);
      return terminal.prompt();
    }
    saying += 1;
    if (readCommand(text) === null) unanswered.add(await say(store, text));
    else unhandled.add(await pressed(store, text));
    saying -= 1;
  });
  terminal.on('SIGINT', () => {
    left = true;
    process.stdout.write('\n');
    terminal.close();
  });
  terminal.on('close', () => {
    ended = true;
    if (process.stdin.isTTY) left = true;
  });

  await follow(store, async () => {
    // Before the answers are read: one that comes in between is read the next time. Messages that wait together are
    // answered together, so the answers cannot be counted.
    for (const id of unanswered) {
      const [status] = await store.read(inbound.status(id));
      if (status?.state === 'answered' || status?.state === 'dead') unanswered.delete(id);
    }
    for (const key of unhandled) {
      if ((await outcomeOf(store, key)) !== null) unhandled.delete(key);
    }
    for (const row of await store.read(outbound.after(CONVERSATION, seen))) {
      seen = row.id;
      // The prompt gives way to the answer, and comes back below it, with what was being typed.
      if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
      const who = row.kind === 'reply' ? styleText('green', 'vigil › ') : styleText('yellow', 'vigil · ');
      process.stdout.write(`${who}${row.text}\n`);
      if (!ended) terminal.prompt(true);
    }
    return left || (ended && saying === 0 && unanswered.size + unhandled.size === 0);
  });
  terminal.close();
}
