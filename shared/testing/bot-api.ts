/**
 * A Telegram Bot API server on loopback, for tests, benches and torture. It enforces the real server's rules, so
 * that a wrong call fails here as it would out there; `bot-api/` holds them, one file a subject, each with its source.
 *
 * In a test:      const bot = await startBotApi({ token });  new Api(token, { apiRoot: bot.root });  await bot.close();
 * As a process:   node shared/testing/bot-api.ts --token 123:abc --state /tmp/bot.jsonl
 * From elsewhere: const bot = connectBotApi(root, control);
 *
 * It imitates the server, not Telegram's clients: no parse_mode, no topics' or members' rights, no privacy mode. Rules of
 * methods that came with Bot API 10.1 to 10.3 are not in it. Nothing of it was compared with the real service.
 */

import { parseArgs } from 'node:util';
import type { UserFromGetMe } from 'grammy/types';
import { remoteVerbs, serveControl } from './bot-api/control.ts';
import { createFaults } from './bot-api/fault.ts';
import { createFiles, documentOf, storedFile } from './bot-api/file.ts';
import { createFlood } from './bot-api/flood.ts';
import { createMethods } from './bot-api/methods.ts';
import { createPolls } from './bot-api/poll.ts';
import { Refusal } from './bot-api/refusal.ts';
import { membership, userEdit, userMessage, userPress } from './bot-api/say.ts';
import { type CallRecord, createApiServer, wallMs } from './bot-api/server.ts';
import { type Driver, type SentFilter, type Verbs, withWait } from './bot-api/verbs.ts';
import { openWorld } from './bot-api/world.ts';

export type BotApi = Driver & {
  /** The `apiRoot` for a client. */
  root: string;
};

export type RunningBotApi = BotApi & { close(): Promise<void> };

export type BotApiOptions = {
  token: string;
  /** 0: any free one. */
  port?: number;
  /** A file that the server's state survives in; none: it dies with the server. */
  statePath?: string;
  /** How long a waiting poll collects updates: 0 answers at once, the real server takes 1 to 2 ms. */
  batch_ms?: number;
  username?: string;
  /** Whether it hears all that is said in a group (BotFather: /setprivacy). */
  reads_groups?: boolean;
  /** Told of each call once it is read, before it takes effect. */
  heard?: (call: CallRecord) => void;
};

export async function startBotApi(options: BotApiOptions): Promise<RunningBotApi> {
  const journal = openWorld(options.token, options.statePath);
  const { world, commit } = journal;
  const nowMs = () => wallMs() + world.skew_ms;
  const nowSeconds = () => Math.floor(nowMs() / 1_000);
  const polls = createPolls(journal, nowSeconds, options.batch_ms ?? 0);
  const flood = createFlood(nowMs);
  const faults = createFaults();
  const me = botUser(options);
  const { getFile, download } = createFiles(world, nowSeconds);
  const methods = createMethods({ me, journal, polls, flood, getFile, nowSeconds });
  const sent_listeners = new Set<() => void>();
  const server = createApiServer({
    methods,
    checkToken: (token) => checkToken(token, world.token),
    download,
    strike: faults.strike,
    heard: options.heard ?? (() => {}),
    afterCall: () => {
      for (const listener of sent_listeners) listener();
    },
  });
  await server.open(options.port ?? 0);

  async function sent({ after = 0, chat_id, method, wait_ms = 0 }: SentFilter = {}) {
    const deadline_ms = wallMs() + wait_ms;
    for (;;) {
      const found = world.sent
        .slice(after) // seq counts from 1 without a gap
        .filter(
          (one) => (chat_id === undefined || one.chat_id === chat_id) && (!method || one.method === method),
        );
      const left_ms = deadline_ms - wallMs();
      if (found.length > 0 || left_ms <= 0) return found;
      await new Promise<void>((resolve) => {
        const look = () => {
          clearTimeout(timer);
          sent_listeners.delete(look);
          resolve();
        };
        const timer = setTimeout(look, Math.ceil(left_ms));
        sent_listeners.add(look);
      });
    }
  }

  const verbs: Verbs = {
    say: async (say) => {
      const message = userMessage(world, say, nowSeconds());
      return { update_id: polls.push({ message }), message_id: message.message_id };
    },
    press: async (press) => {
      const callback_query = userPress(world, press);
      return { update_id: polls.push({ callback_query }), query_id: callback_query.id };
    },
    push: async (update) => polls.push(update),
    sent,
    calls: async ({ after = 0, method } = {}) =>
      server.calls.filter((call) => call.seq > after && (!method || call.method === method)),
    confirmed: async () => ({
      offset: (world.confirmed.at(-1)?.update_id ?? -1) + 1,
      updates: [...world.confirmed],
      pending: world.queue.map(({ update_id }) => update_id),
    }),
    fault: async (fault) => faults.add(fault),
    clearFaults: async () => faults.clear(),
    network: (state) => (state === 'down' ? server.cut() : server.open(0)),
    revoke: async (new_token) => {
      commit({ type: 'token', token: new_token ?? '' });
      polls.abort(new Refusal(401, 'Unauthorized'));
    },
    edit: async (edit) => polls.push({ edited_message: userEdit(world, edit, nowSeconds()) }),
    upload: async (file) => {
      const stored = storedFile(file);
      commit({ type: 'file', file: stored });
      return documentOf(stored);
    },
    block: async (chat_id) => {
      commit({ type: 'blocked', chat_id });
      polls.push({ my_chat_member: membership(world, me, chat_id, false, nowSeconds()) });
    },
    unblock: async (chat_id) => {
      commit({ type: 'unblocked', chat_id });
      polls.push({ my_chat_member: membership(world, me, chat_id, true, nowSeconds()) });
    },
    migrate: async ({ chat_id, to }) => {
      const from = { id: 1 };
      const told = { chat_id, from, more: { migrate_to_chat_id: to } };
      polls.push({ message: userMessage(world, told, nowSeconds()) });
      commit({ type: 'migrated', chat_id, to });
      const first = { chat_id: to, from, more: { migrate_from_chat_id: chat_id } };
      polls.push({ message: userMessage(world, first, nowSeconds()) });
    },
    jump: async (ms) => commit({ type: 'jumped', ms }),
    limits: async (limits) => flood.setLimits(limits),
  };

  return {
    ...withWait(verbs),
    root: `http://127.0.0.1:${server.port}`,
    async close() {
      polls.close();
      await server.drain();
      journal.close();
    },
  };
}

/** A server that runs in another process. */
export function connectBotApi(root: string, control: string): BotApi {
  return { ...withWait(remoteVerbs(control)), root };
}

/** ClientManager.cpp send, in its order; a well-formed token of nobody is `Unauthorized` alone. */
function checkToken(token: string, valid_token: string): void {
  if (token.startsWith('0') || token.length > 80 || !token.includes(':')) {
    throw new Refusal(401, 'Unauthorized: invalid token specified');
  }
  const id = token.slice(0, token.indexOf(':'));
  if (!/^-?\d+$/.test(id)) throw new Refusal(421, 'Misdirected Request: unallowed token specified');
  if (Number(id) <= 0 || Number(id) >= 2 ** 54)
    throw new Refusal(401, 'Unauthorized: invalid token specified');
  if (token !== valid_token) throw new Refusal(401, 'Unauthorized');
}

function botUser({ token, username = 'test_bot', reads_groups = true }: BotApiOptions): UserFromGetMe {
  return {
    id: Number.parseInt(token, 10),
    is_bot: true,
    first_name: 'Test bot',
    username,
    can_join_groups: true,
    can_read_all_group_messages: reads_groups,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
    has_topics_enabled: false,
    allows_users_to_create_topics: false,
    can_manage_bots: false,
    supports_join_request_queries: false,
  };
}

const help = `A Telegram Bot API server on loopback that enforces the real rules.

  node shared/testing/bot-api.ts --token 123:abc [--port 0] [--state file] [--batch-ms 0]

  --token      the bot's token, as a client gives it
  --port       where it listens; 0 takes any free port
  --state      a file in which queue, chats and deliveries survive the server
  --batch-ms   how long a waiting poll collects updates (the real server: 1 to 2)

When it listens, it prints one line: {"root":"http://127.0.0.1:…","control":"http://127.0.0.1:…/control"}.
Drive it with POST <control>/<verb>, the verb's argument as a JSON body:

  say          {"chat_id":7,"text":"hello"}             a user writes
  press        {"chat_id":7,"message_id":3,"data":"x"}  a user presses a button
  push         {"callback_query":{…}}                   an update of any shape
  sent         {"after":0,"wait_ms":1000}               what the bot delivered
  calls                                                 the requests
  confirmed                                             which updates were confirmed, which wait
  fault        {"kind":"drop_after","method":"sendMessage","times":1}
               kinds: drop_before drop_after hang status too_many_requests truncate slow
  clearFaults
  network      "down" | "up"
  revoke       the token stops to work, or "456:def" takes its place
  block        7                                        the user blocks the bot
  unblock      7                                        and lets it in again
  edit         {"chat_id":7,"message_id":3,"text":"x"}  a user changes what they wrote
  upload       {"name":"a.txt","text":"x"}              a file, to be said with say
  migrate      {"chat_id":-5,"to":-1005}                a group becomes a supergroup
  jump         86400000                                 the server's clock moves
  limits       {"chat":{"messages":1,"per_ms":1000}}    flood control

SIGTERM lets answers under way end and stops the server.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      token: { type: 'string' },
      port: { type: 'string', default: '0' },
      state: { type: 'string' },
      'batch-ms': { type: 'string', default: '0' },
    },
  });
  if (values.help || values.token === undefined) {
    (values.help ? process.stdout : process.stderr).write(help);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  const bot = await startBotApi({
    token: values.token,
    port: Number(values.port),
    batch_ms: Number(values['batch-ms']),
    ...(values.state !== undefined && { statePath: values.state }),
  });
  const control = await serveControl(bot, 0);
  process.stdout.write(`${JSON.stringify({ root: bot.root, control: control.url })}\n`);
  process.once('SIGTERM', async () => {
    await bot.close();
    await control.close();
  });
}

if (import.meta.main) await main();
