/** What Enter accepts: how much it may cost, when it is quiet, where its owner is, and how it cries for help. */

import { randomBytes } from 'node:crypto';
import { services } from '#shared/manifest.ts';
import { shared } from '#shared/runtime/config.ts';
import { readSecret } from '#shared/runtime/credentials.ts';
import { keepSecret } from '../../host/secrets.ts';
import { withSetting } from '../toml.ts';
import { given } from './answers.ts';
import { editConfig } from './edit.ts';
import { renew } from './house.ts';
import type { Visit } from './step.ts';

const NTFY = 'https://ntfy.sh';

export type Settings = {
  day_usd: number;
  month_usd: number;
  quiet: string;
  time_zone: string;
  alarm: 'ntfy' | 'webhook' | 'none';
  alarm_url: string;
};

/** A topic is known by its name alone: one that nobody guesses. */
export function newTopic(): string {
  return `${NTFY}/vigil-${randomBytes(15).toString('hex')}`;
}

/** The text of config.toml with them. */
export function withSettings(text: string, { day_usd, month_usd, quiet, time_zone }: Settings): string {
  const owner = { time_zone, quiet };
  let edited = text;
  for (const [key, value] of Object.entries({ day_usd, month_usd })) {
    edited = withSetting(edited, 'budget', key, value);
  }
  for (const [key, value] of Object.entries(owner)) edited = withSetting(edited, 'owner', key, value);
  return edited;
}

/** The variables of the watchdog's second route. */
export function routeOf({ alarm, alarm_url }: Settings): Record<string, string | undefined> {
  return {
    ALARM_NTFY_URL: alarm === 'ntfy' ? alarm_url : undefined,
    ALARM_WEBHOOK_URL: alarm === 'webhook' ? alarm_url : undefined,
  };
}

export async function settings(visit: Visit): Promise<boolean> {
  const { home, desk, answers } = visit;
  const told = answers.settings;
  const budget = shared.budget.parse({});
  const known = readSecret(home, 'watchdog');
  const url =
    given(told.alarm_url, told.alarm_url_file) ?? known?.ALARM_NTFY_URL ?? known?.ALARM_WEBHOOK_URL ?? '';
  // Nobody would be subscribed to a topic that was made while nobody looked.
  const usual = known?.ALARM_WEBHOOK_URL ? 'webhook' : desk.asks || url ? 'ntfy' : 'none';
  const set: Settings = {
    day_usd: told.day_usd ?? budget.day_usd,
    month_usd: told.month_usd ?? budget.month_usd,
    quiet: told.quiet ?? shared.owner.parse({}).quiet,
    time_zone: told.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    alarm: told.alarm ?? usual,
    alarm_url: url,
  };
  if (set.alarm === 'ntfy' && set.alarm_url === '') set.alarm_url = newTopic();
  while ((await change(desk, set)) !== 'accept');

  editConfig(home, (text) => withSettings(text, set));
  keepSecret(home, 'watchdog', routeOf(set));
  // All of them live by the time zone.
  await renew(
    visit,
    services.map(({ name }) => name),
  );
  if (set.alarm === 'ntfy') {
    desk.say(
      `On your phone: install the app ntfy and subscribe to the topic\n${set.alarm_url}\n` +
        'Alarms come there when Telegram itself is dead.',
    );
  } else if (set.alarm === 'none') {
    desk.say('There is no second route: when Telegram is dead, so is every alarm.');
  }
  return true;
}

async function change(desk: Visit['desk'], set: Settings): Promise<string> {
  const what = await desk.choose(
    'Enter accepts all of it; choose a line to change it',
    [
      { value: 'accept', label: 'Accept' },
      { value: 'day', label: `Budget a day:    $${set.day_usd}` },
      { value: 'month', label: `Budget a month:  $${set.month_usd}` },
      { value: 'quiet', label: `Quiet hours:     ${set.quiet || 'none'}` },
      { value: 'zone', label: `Time zone:       ${set.time_zone}` },
      { value: 'alarm', label: `Second alarm:    ${set.alarm}` },
    ],
    'accept',
  );
  switch (what) {
    case 'day':
      set.day_usd = Number(await desk.line('US dollars a day', String(set.day_usd), amount));
      break;
    case 'month':
      set.month_usd = Number(await desk.line('US dollars a month', String(set.month_usd), amount));
      break;
    case 'quiet':
      set.quiet = await desk.line('Quiet from-to', set.quiet, (value) => faultOf('quiet', value));
      break;
    case 'zone':
      set.time_zone = await desk.line('Time zone', set.time_zone, (value) => faultOf('time_zone', value));
      break;
    case 'alarm':
      await changeAlarm(desk, set);
  }
  return what;
}

async function changeAlarm(desk: Visit['desk'], set: Settings): Promise<void> {
  const was = set.alarm;
  set.alarm = await desk.choose(
    'When Telegram is dead, alarms go to',
    [
      { value: 'ntfy', label: 'ntfy: an app on the phone, no account' },
      { value: 'webhook', label: 'a webhook: a POST of JSON to an address of yours' },
      { value: 'none', label: 'nobody' },
    ],
    set.alarm,
  );
  if (set.alarm === 'none') return;
  const kept = set.alarm === was ? set.alarm_url : '';
  const preset = kept || (set.alarm === 'ntfy' ? newTopic() : 'https://');
  set.alarm_url = await desk.line('Its address', preset, (value) =>
    URL.canParse(value) && /^https?:/.test(value) ? undefined : 'expected http:// or https://',
  );
}

const amount = (value: string) =>
  value !== '' && Number(value) >= 0 && Number(value) <= 1_000_000
    ? undefined
    : 'expected an amount, such as 3 or 0.50';

function faultOf(key: 'quiet' | 'time_zone', value: string): string | undefined {
  const read = shared.owner.safeParse({ [key]: value });
  return read.success ? undefined : read.error.issues[0]?.message;
}
