/**
 * What the looks and the facts of the house come to: the findings that hold now. Pure. Of what is unsure, whatever was
 * found before stays as it is: one failure is none, and without a network nobody knows who else is away.
 */

import { RETIREMENTS } from '#shared/base/models.ts';
import type { Breaker } from '#shared/tables/breaker.ts';
import type { Found } from '#shared/tables/finding.ts';
import type { Probe } from '#shared/tables/probe.ts';
import { type Advisory, isSevere } from './advisory.ts';
import type { Config } from './config.ts';
import { isNewer, type Release } from './release.ts';
import type { Status } from './status.ts';
import type { Models } from './watch.ts';

export type Facts = {
  now: number;
  config: Config;
  probes: readonly Probe[];
  breakers: readonly Breaker[];
  models: Models;
  prices_rev: string;
  version: string;
};

export type Verdict = {
  found: Found[];
  /** Causes of which nobody knows now. */
  unsure: string[];
};

const DAY_ms = 86_400_000;
/** So many days before its end a model's users hear of it. */
const STAGES = [0, 3, 14, 60];
/** A feed that has not been read for so long, in so many looks, is told. */
const UNREAD = { cause: 'unread', ms: 2 * DAY_ms, failures: 5 };
/** It may come again; other news stays known. */
export const isUnread = (cause: string) => cause.startsWith(`${UNREAD.cause} `);

type Standing = 'up' | 'down' | 'unsure';

export function judge(facts: Facts): Verdict {
  const outages = ofReach(facts);
  const { found, unsure } = outages;
  found.push(
    ...ofModels(facts),
    ...ofPrices(facts),
    ...ofReleases(facts),
    ...ofAdvisories(facts),
    ...ofUnread(facts),
  );
  return { found, unsure };
}

/**
 * Two failures in a row, a while apart; or one, where the router's own calls have failed too.
 * @param again_ms the while
 */
export function standingOf(probe: Probe, again_ms: number, breaker = false): Standing {
  if (probe.looked_at === null) return 'unsure';
  if (probe.failures === 0) return 'up';
  // It is in doubt, and was not looked at since.
  if (probe.looked_at < (probe.failed_at ?? 0)) return 'unsure';
  if (breaker) return 'down';
  return probe.failures > 1 && probe.looked_at - (probe.failed_at ?? 0) >= again_ms / 2 ? 'down' : 'unsure';
}

function ofReach({ config, probes, breakers }: Facts): Verdict {
  const again_ms = config.again_s * 1000;
  const reach = probes.filter(isReach);
  const network = probes.find(({ watch }) => watch === 'network');
  const causes = reach.map(({ watch }) => causeOf(watch));
  const offline = network ? offlineFrom(network, reach, again_ms) : 'up';
  if (network && offline === 'down') {
    const text = `The network does not lead outside: ${network.error}. Nobody outside can be, so that messages and answers wait.`;
    const cure = 'Look at the router or the Wi-Fi, or sign in where a network asks for it.';
    return {
      found: [{ cause: 'network', kind: 'outage', severity: 'critical', text, cure }],
      unsure: causes,
    };
  }
  const found: Found[] = [];
  const unsure: string[] = offline === 'unsure' ? ['network'] : [];
  for (const probe of reach) {
    const cause = causeOf(probe.watch);
    const provider = probe.watch.startsWith('provider ') ? probe.watch.slice('provider '.length) : null;
    const broken = breakers.filter(
      ({ target, state }) => state !== 'closed' && target.startsWith(`${provider}/`),
    );
    const standing = standingOf(probe, again_ms, broken.length > 0);
    const since_at = probe.failed_at ?? 0;
    // Whether it is the network is known when that was looked at after it failed.
    const alone =
      !network || (offline === 'up' && network.failures === 0 && (network.looked_at ?? 0) >= since_at);
    if (standing === 'unsure' || (standing === 'down' && !alone)) unsure.push(cause);
    else if (provider === null) {
      if (standing === 'down') found.push(telegramAway(probe));
    } else {
      const status = statusFor(probes, provider);
      const away = standing === 'down' ? `${provider} cannot be reached (${probe.error})` : null;
      const one = ofProvider(provider, away, status, broken);
      if (one) found.push(one);
    }
  }
  return { found, unsure };
}

function causeOf(watch: string): string {
  return watch === 'telegram' ? 'telegram is away' : watch;
}

/** Nobody outside can be reached, as far as it is watched. */
export function isOffline(probes: readonly Probe[], again_ms: number): boolean {
  const network = probes.find(({ watch }) => watch === 'network');
  return network !== undefined && offlineFrom(network, probes.filter(isReach), again_ms) === 'down';
}

function isReach({ watch }: Probe): boolean {
  return /^(provider .*|telegram)$/.test(watch);
}

/** While anybody outside has answered since, it is the address looked at that is away. */
function offlineFrom(network: Probe, reach: readonly Probe[], again_ms: number): Standing {
  const standing = standingOf(network, again_ms);
  const since_at = network.failed_at ?? 0;
  if (standing === 'up' || network.looked_at === null) return standing;
  if (reach.some(({ ok_at }) => ok_at !== null && ok_at > since_at)) return 'up';
  const silent = reach.every(
    ({ failures, looked_at }) => failures > 0 && looked_at !== null && looked_at >= since_at,
  );
  return standing === 'down' && silent ? 'down' : 'unsure';
}

function telegramAway({ error }: Probe): Found {
  return {
    cause: causeOf('telegram'),
    kind: 'outage',
    severity: 'critical',
    text: `Telegram cannot be reached (${error}), while the network works. What is written there waits, and so do answers.`,
    cure: 'Nothing, if it is an outage of theirs; where Telegram is blocked, set [upstream] proxy.',
  };
}

function statusFor(probes: readonly Probe[], provider: string): Status | null {
  const probe = probes.find(({ watch }) => watch === `status ${provider}`);
  if (!probe || probe.failures > 0 || probe.ok_at === null) return null;
  return JSON.parse(probe.seen_json) as Status;
}

/** One finding, whatever it shows itself by: the way there, its status page, the router's calls. */
function ofProvider(
  provider: string,
  away: string | null,
  status: Status | null,
  broken: readonly Breaker[],
): Found | null {
  const trouble = status !== null && status.level !== 'none';
  // A minor one concerns nobody here until a call has failed.
  const serious = trouble && (status.level !== 'minor' || broken.length > 0);
  if (away === null && !serious) return null;
  const says = trouble ? `its status page says "${status.words}"` : null;
  const calls =
    broken.length > 0
      ? `${broken.map(({ target }) => target).join(', ')} fail${broken.length === 1 ? 's' : ''}`
      : null;
  const [first = '', ...more] = [away ?? `${provider} has trouble`, says, calls].filter(
    (part) => part !== null,
  );
  return {
    cause: `provider ${provider}`,
    kind: 'outage',
    severity: 'warning',
    text: `${first}${more.map((part) => `; ${part}`).join('')}. Messages that need it wait, and are answered when it is back, or by others where config.toml names any.`,
    cure: 'Nothing; for another to answer meanwhile, add a target to [router.aliases].',
  };
}

function ofModels({ now, config, models }: Facts): Found[] {
  if (!config.watch.includes('models')) return [];
  return models.flatMap(({ name, aliases }): Found[] => {
    const ends = { ...RETIREMENTS, ...config.retirements }[name];
    if (ends === undefined) return [];
    // It may be asked on its last day.
    const days = Math.ceil((Date.parse(ends) + DAY_ms - now) / DAY_ms) - 1;
    const stage = STAGES.find((most) => days <= most);
    if (stage === undefined) return [];
    const when =
      days < 0
        ? `has ended on ${ends}`
        : `ends on ${ends}, ${days === 0 ? 'today' : `in ${days} day${days === 1 ? '' : 's'}`}`;
    return [
      {
        cause: `retirement ${name} ${days < 0 ? 'past' : stage}`,
        kind: 'news',
        severity: days <= 3 ? 'warning' : 'info',
        text: `The model ${name} ${when}. It answers for ${aliases.join(', ')}.`,
        cure: `Put another in its place: [router.aliases] in config.toml.`,
      },
    ];
  });
}

function ofPrices({ now, config, prices_rev }: Facts): Found[] {
  const days = Math.floor((now - Date.parse(prices_rev)) / DAY_ms);
  if (!config.watch.includes('prices') || days <= config.prices_days) return [];
  return [
    {
      cause: `prices ${prices_rev}`,
      kind: 'news',
      severity: 'info',
      text: `The list of prices is ${days} days old (${prices_rev}), and budgets reckon with it.`,
      cure: 'Upgrade Vigil, or set them: [router.prices."model"] in config.toml.',
    },
  ];
}

function seenBy<T>({ probes }: Facts, watch: string): T | null {
  const probe = probes.find((one) => one.watch === watch);
  return probe && probe.ok_at !== null ? (JSON.parse(probe.seen_json) as T) : null;
}

function ofReleases(facts: Facts): Found[] {
  const release = seenBy<Release>(facts, 'releases');
  if (release === null || !isNewer(release.version, facts.version)) return [];
  const { version, url, notes } = release;
  const words = [
    `Vigil ${version} is there; this is ${facts.version}.`,
    ...(url && [url]),
    ...(notes ? [`> ${notes}`] : []),
  ];
  return [
    {
      cause: `release ${version}`,
      kind: 'news',
      severity: 'info',
      text: words.join('\n'),
      cure: 'Nothing is installed by itself: get it, then vigil upgrade <its folder or tarball>.',
    },
  ];
}

function ofAdvisories(facts: Facts): Found[] {
  const { advisories = [] } = seenBy<{ advisories?: Advisory[] }>(facts, 'advisories') ?? {};
  return advisories
    .filter(({ severity }) => isSevere(severity, facts.config.advisory_severity))
    .map(({ id, package: name, severity, title, url }) => ({
      cause: `advisory ${id} ${name}`,
      kind: 'news',
      severity: 'warning',
      text: `A vulnerability (${severity}) is known in ${name}, which Vigil is made of: "${title}" ${url}`.trimEnd(),
      cure: 'Upgrade Vigil as soon as a release mends it.',
    }));
}

/** What cannot be read for days is told once: whoever waits for news of it would wait in vain. */
function ofUnread({ now, probes }: Facts): Found[] {
  return probes
    .filter((probe) => !isReach(probe) && probe.watch !== 'network')
    .filter(({ failures, failed_at }) => failures >= UNREAD.failures && now - (failed_at ?? now) >= UNREAD.ms)
    .map(({ watch, about, error }) => ({
      cause: `${UNREAD.cause} ${watch}`,
      kind: 'news',
      severity: 'info',
      text: `I have not been able to read ${about} for days: ${error}.`,
      cure: 'Correct its address under [upstream] in config.toml, or take it out there.',
    }));
}
