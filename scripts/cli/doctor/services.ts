/** The services as their heartbeats show them, and what stops them all. */

import { existsSync } from 'node:fs';
import { services as all, type ServiceName } from '#shared/manifest.ts';
import { haltedBecause } from '#shared/runtime/halt.ts';
import type { Store } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import { type Check, enter, type Facts, fault, fine, unseen, warning } from './check.ts';

export const store: Check = {
  name: 'store',
  run({ store, storeFault }) {
    if (store) return fine('it opens, and is of this version');
    if (storeFault) throw storeFault;
    return warning('there is none yet', 'start Vigil once: scripts/start');
  },
};

export const switches: Check = {
  name: 'switches',
  run({ home }) {
    enter(home.state);
    if (existsSync(home.stopped)) return warning(`it is switched off: ${home.stopped} is there`, 'vigil on');
    const why = haltedBecause(home.halted);
    return why === null ? fine('neither halted nor off') : warning(`it is halted: ${why}`, 'vigil resume');
  },
};

const closed = unseen('the store cannot be read');
const off = ({ home }: Facts, needs: string | undefined) =>
  needs !== undefined && !existsSync(`${home.credentials}/${needs}.env`);

const isFresh = ({ phase, beat_at }: heartbeat.Heartbeat, now: number) =>
  phase === 'ready' && now - beat_at < 60_000;

/** The heartbeat of a service that runs. */
export async function running(
  store: Store,
  service: ServiceName,
  now: number,
): Promise<heartbeat.Heartbeat | undefined> {
  return (await store.read(heartbeat.all)).find((beat) => beat.service === service && isFresh(beat, now));
}

export const services: Check = {
  name: 'services',
  async run(facts) {
    const { store, home, now, place } = facts;
    if (!store) return closed;
    if (existsSync(home.stopped)) return unseen('it is switched off');
    const beats = await store.read(heartbeat.all);
    const wanted = all.filter(({ needs }) => !off(facts, needs));
    const bad = wanted.flatMap(({ name, quiet_s }) => {
      const beat = beats.find((row) => row.service === name && row.worker === 0);
      if (!beat || beat.phase === 'stopped') return [`${name} does not run`];
      if (beat.phase === 'misconfigured') return [`${name} waits for you: ${beat.problem}`];
      const age_s = Math.round((now - beat.beat_at) / 1000);
      if (age_s > quiet_s) return [`${name} has not beaten for ${age_s} s`];
      return beat.problem === null ? [] : [`${name}: ${beat.problem}`];
    });
    if (bad.length === 0) return fine(`${wanted.length} beat`);
    // A checkout that nobody has started is no fault.
    const asleep = bad.length === wanted.length && !place;
    return (asleep ? warning : fault)(
      bad.length === wanted.length ? 'none of them runs' : bad.join('; '),
      place ? 'see vigil status and vigil logs; vigil restart starts them again' : 'start it: scripts/start',
    );
  },
};

export const versions: Check = {
  name: 'versions',
  async run({ store, version, now }) {
    if (!store) return closed;
    const beats = (await store.read(heartbeat.all)).filter((beat) => isFresh(beat, now));
    if (beats.length === 0) return unseen('nothing runs');
    const others = beats.filter((beat) => beat.version !== version);
    if (others.length === 0) return fine(version);
    return fault(
      `expected ${version}, but ${others.map((beat) => `${beat.service} runs ${beat.version}`).join(', ')}`,
      'vigil restart',
    );
  },
};

export const poller: Check = {
  name: 'bot’s reader',
  async run({ store, now }) {
    if (!store) return closed;
    const beat = await running(store, 'telegram', now);
    if (!beat) return unseen('telegram does not run');
    if (!/\b409\b/.test(beat.problem ?? '')) return fine('nobody else reads the bot’s messages');
    return fault(
      `another program reads the bot’s messages (${beat.problem})`,
      'stop it: another Vigil, on another computer perhaps; or take a new token: vigil setup --again bot',
    );
  },
};

export const incidents: Check = {
  name: 'incidents',
  async run({ store }) {
    if (!store) return closed;
    const open = await store.read(incident.ongoing);
    if (open.length === 0) return fine('none is open');
    const words = open.map(({ severity, text }) => `${severity}: ${text}`).join('; ');
    const cure = 'do what each says';
    return open.some(({ severity }) => severity === 'critical') ? fault(words, cure) : warning(words, cure);
  },
};
