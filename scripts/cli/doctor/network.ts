/** Who must be within reach, and whether they take what we have for them. */

import { existsSync } from 'node:fs';
import { readSection } from '#shared/runtime/config.ts';
import { readSecret } from '#shared/runtime/credentials.ts';
import { config as router } from '../../../services/router/config.ts';
import { ANTHROPIC, checkKey, look, TELEGRAM, whoIs } from '../reach.ts';
import { type Check, type Facts, fault, fine, unseen, warning } from './check.ts';

const SKEW_ms = 60_000;

/** What is wrong with the secrets is told elsewhere. */
const telegramsClock = async (facts: Facts) => look(telegramRoot(facts));
const telegramRoot = ({ home }: Facts) => readSecret(home, 'telegram')?.TELEGRAM_API_ROOT ?? TELEGRAM;

export const telegram: Check = {
  name: 'Telegram',
  async run(facts) {
    const token = readSecret(facts.home, 'telegram')?.TELEGRAM_BOT_TOKEN;
    if (token === undefined) return unseen('there is no bot');
    return fine(`@${await whoIs(token, telegramRoot(facts))}`);
  },
};

export const provider: Check = {
  name: 'models',
  async run({ home }) {
    if (!existsSync(home.config)) return unseen('there is no config.toml');
    const { providers } = readSection(home.config, 'router', router);
    const found: string[] = [];
    for (const [name, { base_url }] of Object.entries(providers)) {
      const { status } = await look(base_url);
      if (status >= 500) return fault(`${name} (${base_url}) answers ${status}`, 'see to that server');
      found.push(name);
    }
    const secret = readSecret(home, 'anthropic');
    if (secret?.ANTHROPIC_API_KEY !== undefined) {
      await checkKey(secret.ANTHROPIC_API_KEY, secret.ANTHROPIC_BASE_URL ?? ANTHROPIC);
      found.push('anthropic, which takes the key');
    }
    if (found.length > 0) return fine(found.join(', '));
    return warning('nobody but the rehearsal model answers', 'vigil setup --again key');
  },
};

export const alarm: Check = {
  name: 'alarm route',
  async run({ home }) {
    const secret = readSecret(home, 'watchdog');
    const url = secret?.ALARM_NTFY_URL ?? secret?.ALARM_WEBHOOK_URL;
    if (url === undefined) return unseen('there is no second one');
    const { origin, host } = new URL(url);
    const { status } = await look(origin);
    if (status < 500) return fine(`${host} is within reach`);
    return fault(`${host} answers ${status}`, 'wait, or choose another: vigil setup --again settings');
  },
};

export const clock: Check = {
  name: 'clock',
  async run(facts) {
    const said = await facts.run('timedatectl', 'show', '--property=NTPSynchronized', '--value');
    const container = (await facts.run('systemd-detect-virt', '--container'))?.code === 0;
    // In a container the clock is the host's.
    const kept = container ? null : (said?.text ?? null);
    const asked_at = Date.now();
    const { date } = await telegramsClock(facts).catch(() => ({ date: null }));
    if (date === null && kept !== 'no')
      return kept ? fine('synchronised') : unseen('nobody can be asked the time');
    // Since it was asked, not since the doctor began.
    const off_ms = date === null ? 0 : date - asked_at;
    if (Math.abs(off_ms) <= SKEW_ms)
      return kept === 'no'
        ? warning('nobody sets it: it is not synchronised', 'sudo timedatectl set-ntp true')
        : fine('right to the minute');
    return fault(
      `it is ${Math.round(Math.abs(off_ms) / 1000)} s ${off_ms > 0 ? 'behind' : 'ahead'}`,
      'let it be set: sudo timedatectl set-ntp true (macOS: System Settings, Date & Time)',
    );
  },
};
