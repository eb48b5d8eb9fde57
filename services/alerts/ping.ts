/**
 * The dead man's switch: asks for an address of the owner's outside every minute, as long as the house can tell by
 * itself what is wrong: the store can be read and written, the rules are looked at and told, the watchdog beats. When
 * it falls silent, whoever listens there tells. What is wrong meanwhile it says there too (`<url>/fail`, as
 * https://healthchecks.io/docs/signaling_failures/).
 */

import { sleep } from '#shared/base/clock.ts';
import { messageOf } from '#shared/base/errors.ts';
import { httpFetch } from '#shared/base/fetch.ts';
import { spell } from '#shared/base/span.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import * as silence from '#shared/tables/silence.ts';
import { isSilenced } from '#shared/telling/silence.ts';
import { titleOf } from '#shared/telling/words.ts';
import type { Config } from './config.ts';

type Alerts = Context<Config>;

/** When each round of this service last came to its end, on the monotonic clock. */
export type Rounds = Map<string, number>;

/** Three beats. */
const STALE_ms = 15_000;
const ROUND_ms = 60_000;
const ANSWER_ms = 5_000;
const LONGEST_ms = 10_000;
const AGAIN_ms = 10_000;
/** The owner hears of a ping that fails for so long. */
const PATIENCE_ms = 600_000;
const LONGEST_TEXT = 1000;

export function ping(ctx: Alerts, rounds: Rounds): void {
  const { config, clock, log } = ctx;
  if (config.ping_url === '') return;
  const url = new URL(config.ping_url);
  const ask = asker(config);
  const every_ms = config.ping_s * 1000;
  const state = { due: clock.mono(), failing_since: null as number | null, unfit: '' };
  const healthy = healthOf(ctx, rounds);

  ctx.every('ping', Math.min(1000, every_ms), async () => {
    if (clock.mono() < state.due) return;
    const { unfit, wrong } = await healthy();
    if (unfit !== state.unfit) log.warn('ping.withheld', { why: unfit || 'nothing any more' });
    state.unfit = unfit;
    if (unfit) return;
    const began = clock.mono();
    try {
      await ctx.external(url.host, 'ping', () => ask(url, wrong));
      state.due = began + every_ms;
      state.failing_since = null;
      ctx.problem(null);
    } catch (error) {
      state.due = began + Math.min(every_ms, AGAIN_ms);
      state.failing_since ??= began;
      const failing_ms = began - state.failing_since;
      if (failing_ms === 0) log.warn('ping.failed', { error });
      if (failing_ms >= PATIENCE_ms)
        ctx.problem(`The ping to ${url.host} has failed for ${spell(failing_ms)}: ${messageOf(error)}`);
    }
  });
}

/** `unfit`: why nothing may be said. `wrong`: what is, and is critical. */
type Health = { unfit: string; wrong: string };

function healthOf({ store, clock, config }: Alerts, rounds: Rounds): () => Promise<Health> {
  const round_ms = Math.max(ROUND_ms, 3 * config.look_s * 1000);
  const unfit = (why: string): Health => ({ unfit: why, wrong: '' });
  let asked: Promise<readonly [heartbeat.Heartbeat[]]> | undefined;
  return async () => {
    // As a write, so that it waits for the lock. The beats themselves tell whether the disk takes anything.
    asked ??= store.commit([heartbeat.all]).finally(() => {
      asked = undefined;
    });
    const answer = await Promise.race([asked, sleep(ANSWER_ms).then(() => null)]);
    if (answer === null) return unfit('the store does not answer');
    const now = clock.now();
    const [beats] = answer;
    for (const name of ['alerts', 'watchdog']) {
      const beat = beats.find(({ service, worker }) => service === name && worker === 0);
      if (beat?.phase !== 'ready' || Math.abs(now - beat.beat_at) > STALE_ms)
        return unfit(`${name} shows no sign of life`);
    }
    const late = [...rounds].find(([, at]) => clock.mono() - at > round_ms);
    if (late) return unfit(`the round '${late[0]}' does not end`);
    const [open, silences] = await Promise.all([
      store.read(incident.ongoing),
      store.read(silence.inForce(now)),
    ]);
    const wrong = open.filter(
      ({ severity, cause }) => severity === 'critical' && !isSilenced(cause, silences, now),
    );
    return { unfit: '', wrong: wrong.map(titleOf).join('; ').slice(0, LONGEST_TEXT) };
  };
}

/** The address is a secret: whoever has it can say that all is well. It is in no error. */
function asker({ proxy, no_proxy }: Config): (url: URL, wrong: string) => Promise<void> {
  const proxies = proxy ? { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: no_proxy } : process.env;
  const fetch = httpFetch({ proxies, idle_ms: 1000 });
  return async (url, wrong) => {
    const to = new URL(url);
    if (wrong) to.pathname = `${to.pathname.replace(/\/$/, '')}/fail`;
    const response = await fetch(to.href, {
      headers: { 'user-agent': 'vigil' },
      ...(wrong && { method: 'POST', body: wrong }),
      signal: AbortSignal.timeout(LONGEST_ms),
    });
    await response.text();
    if (!response.ok)
      throw Object.assign(new Error(`${url.host} answered ${response.status}`), { status: response.status });
  };
}
