/**
 * telegram: the Telegram bridge. Updates in, messages out.
 *
 * It owns `outbound`, `preview`, `poller`, `chat`, `attachment`, `member` and `pairing_attempt`. An update is stored in the commit that moves
 * the offset, and Telegram hears that we have it only afterwards; a pressed button likewise. What goes out is marked as
 * being sent before it leaves. Files are fetched in a lane of their own. /halt, /resume, /status and /help are answered
 * here, whatever has become of the others. Strangers are refused here, before any model hears of them, and the attempt is
 * a row.
 *
 * When it dies, polling goes on where the store says, and what was being sent is in doubt: sent again, and marked. When
 * the network is away it waits, for hours if need be. When another program reads the bot's updates it stays up, waits,
 * and says so. When the token is refused it stays down, for a person must act.
 */

import { join } from 'node:path';
import { Api } from 'grammy/web';
import { Misconfigured } from '#shared/base/errors.ts';
import { httpFetch } from '#shared/base/fetch.ts';
import { withIds } from '#shared/base/log.ts';
import type { Context } from '#shared/runtime/context.ts';
import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import * as attachment from '#shared/tables/attachment.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { config } from './config.ts';
import { claim, deliver, SEND_s } from './deliver.ts';
import { nextDue } from './digest.ts';
import * as fetching from './fetch.ts';
import { openLanes } from './lane.ts';
import { PEER_ms, watchPeer } from './peer.ts';
import { POLL_s, poll } from './poll.ts';
import { recordCalls } from './record.ts';
import { stream } from './stream.ts';
import { typist } from './typing.ts';

/** How many chats are written to at once. */
const LANES = 8;
/** How many files are fetched at once. */
const FETCHES = 3;
/** How soon after its begin a turn is seen. */
const TYPING_ms = 1_000;

export const telegram = service({
  name: 'telegram',
  config,
  async start(ctx) {
    const { token, apiRoot } = credentials(ctx);
    const now = ctx.clock.now();
    const [adopted] = await ctx.store.commit([outbound.adopt(ctx.instance, now), attachment.adopt(now)]);
    const doubtful = adopted.filter(({ uncertain }) => uncertain > 0);
    fetching.clearParts(ctx.home.files);
    if (doubtful.length > 0) ctx.log.warn('messages.doubted', { messages: doubtful.length });

    const client = (timeoutSeconds: number) => {
      const api = new Api(token, { apiRoot, timeoutSeconds, fetch: httpFetch() });
      recordCalls(ctx, api, apiRoot);
      return api;
    };
    const bot = {
      id: Number(token.split(':')[0]),
      api: client(POLL_s + 15),
      transcribes: ctx.config.transcribe !== false,
    };
    const sender = client(SEND_s);
    const inLane = openLanes();
    const pollOnce = poll(ctx, bot);
    ctx.doing('polling');
    // There is always one more poll to do.
    ctx.work({ name: 'poll', look: async () => 'poll', act: pollOnce });
    const source = {
      api: sender,
      root: `${apiRoot}/file/bot${token}`,
      fetch: httpFetch(),
      key: ctx.secret('transcribe')?.TRANSCRIBE_API_KEY,
    };
    ctx.work({
      name: 'fetch',
      queue: 'file',
      lanes: FETCHES,
      look: () => fetching.claim(ctx),
      act: (file) => fetching.obtain(ctx, source, file),
      due: async () => (await ctx.store.read(attachment.nextDue))[0]?.due_at ?? null,
    });
    ctx.work({
      name: 'deliver',
      queue: 'outbound',
      lanes: LANES,
      look: () => claim(ctx),
      act: (message) =>
        withIds(message.turn_id === null ? {} : { turn: message.turn_id }, () =>
          deliver(ctx, sender, message, inLane),
        ),
      due: () => nextDue(ctx),
    });
    ctx.work({ name: 'stream', queue: 'draft', lanes: LANES, ...stream(ctx, sender, inLane) });
    ctx.every('typing', TYPING_ms, typist(ctx, sender));
    ctx.every('peer', PEER_ms, watchPeer(ctx));
  },
});

function credentials(ctx: Context<unknown>): { token: string; apiRoot: string } {
  const file = join(ctx.home.credentials, 'telegram.env');
  const secret = ctx.secret('telegram');
  const token = secret?.TELEGRAM_BOT_TOKEN ?? '';
  if (!/^\d+:[\w-]+$/.test(token)) {
    throw new Misconfigured(
      `credentials: ${file}: expected TELEGRAM_BOT_TOKEN=<numbers>:<letters>, got ${token ? 'something else' : 'none'}`,
      'get the token from @BotFather and put it there',
    );
  }
  const apiRoot = (secret?.TELEGRAM_API_ROOT ?? 'https://api.telegram.org').replace(/\/$/, '');
  if (!URL.canParse(apiRoot)) {
    throw new Misconfigured(
      `credentials: ${file}: expected TELEGRAM_API_ROOT to be a URL, got '${apiRoot}'`,
      'correct it, or leave it out to use https://api.telegram.org',
    );
  }
  return { token, apiRoot };
}

main(import.meta.filename, telegram);
