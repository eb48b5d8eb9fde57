import { createInterface } from 'node:readline';
import { styleText } from 'node:util';
import type { Command } from 'commander';
import * as outbound from '#shared/tables/outbound.ts';
import { CONVERSATION, demandRunning, follow, openHouse, say } from './house.ts';

export function chat(program: Command): void {
  program
    .command('chat')
    .description('Talk to a running Vigil here in the terminal; /quit or Ctrl-C leaves.')
    .action(async () => {
      const { home, store } = await openHouse();
      try {
        demandRunning(home);
        await talk(store);
      } finally {
        await store.close();
      }
    });
}

async function talk(store: Awaited<ReturnType<typeof openHouse>>['store']): Promise<void> {
  const [newest] = await store.read(outbound.newest(CONVERSATION));
  let seen = newest?.id ?? 0;
  let left = false;
  /** Messages that still wait for their answer: piped input ends when they are all answered. */
  let open = 0;
  let ended = false;
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: styleText('cyan', 'you › '),
  });
  if (process.stdin.isTTY) process.stdout.write('Type a message; /quit or Ctrl-C leaves.\n');
  terminal.prompt();

  terminal.on('line', async (line) => {
    const text = line.trim();
    if (text === '/quit' || text === '/exit') return terminal.close();
    if (text === '') return terminal.prompt();
    open += 1;
    await say(store, text);
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
    for (const row of await store.read(outbound.after(CONVERSATION, seen))) {
      seen = row.id;
      // The prompt gives way to the answer, and comes back below it, with what was being typed.
      if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
      const who = row.kind === 'reply' ? styleText('green', 'vigil › ') : styleText('yellow', 'vigil · ');
      process.stdout.write(`${who}${row.text}\n`);
      if (row.kind === 'reply') open = Math.max(0, open - 1);
      if (!ended) terminal.prompt(true);
    }
    return left || (ended && open === 0);
  });
  terminal.close();
}
