/** upstream: what the house depends on outside, how the last look at each went, and what was found, with its cure. */

import { html } from 'hono/html';
import * as finding from '#shared/tables/finding.ts';
import * as probe from '#shared/tables/probe.ts';
import * as request from '#shared/tables/probe_request.ts';
import type { Done, Html, Page, Visit } from '../page.ts';
import { ago, button, card, pill, spell, TONE_OF, type Tone, table, when } from '../ui.ts';

const MOST_FINDINGS = 50;

export const upstream: Page = {
  path: 'upstream',
  name: 'Upstream',
  async show(visit) {
    const { store, clock } = visit.ctx;
    const now = clock.now();
    const watches = await store.read(probe.all);
    const asked = new Set((await store.read(request.all)).map(({ watch }) => watch));
    const findings = await store.read(finding.latest(MOST_FINDINGS));
    const all = button(visit, { page: 'upstream', action: 'look' }, 'Look at all now');
    return {
      body: html`${card('Found', foundOf(findings), { id: 'found' })}
${card('Watched', watchedOf(visit, watches, asked, now), { id: 'watched', ...(watches.length > 0 ? { aside: all } : {}) })}`,
    };
  },
  actions: { look },
};

async function look({ ctx, by }: Visit, form: ReadonlyMap<string, string>): Promise<Done> {
  const name = form.get('watch');
  const all = await ctx.store.read(probe.all);
  const wanted = name === undefined ? all : all.filter(({ watch }) => watch === name);
  if (wanted.length === 0) return { say: `Nothing called '${name ?? ''}' is watched.`, refused: true };
  const waiting = new Set((await ctx.store.read(request.all)).map(({ watch }) => watch));
  const asked_at = ctx.clock.now();
  await ctx.store.commit(
    wanted
      .filter(({ watch }) => !waiting.has(watch))
      .map(({ watch }) => request.ask({ watch, asked_by: by, asked_at })),
  );
  const what = name === undefined ? `all ${wanted.length}` : `'${name}'`;
  return {
    say: `A look at ${what} is asked for; what is seen is shown here.`,
    ...(name ? { subject: name } : {}),
  };
}

function watchedOf(
  visit: Visit,
  watches: readonly probe.Probe[],
  asked: ReadonlySet<string>,
  now: number,
): Html {
  const rows = watches.map((one) => [
    one.watch,
    pill(...stateOf(one)),
    one.latency_ms === null ? null : spell(one.latency_ms),
    one.looks > 0 ? `${((100 * one.good) / one.looks).toFixed(1)} %` : null,
    one.looked_at === null ? 'never' : ago(one.looked_at, now),
    one.due_at <= now ? 'now' : html`in ${ago(one.due_at, now)}`,
    one.error ?? one.about,
    asked.has(one.watch)
      ? 'asked for'
      : button(visit, { page: 'upstream', action: 'look', fields: { watch: one.watch } }, 'Look now', {
          about: `Look now at ${one.watch}`,
        }),
  ]);
  return table(
    [
      { head: 'what' },
      { head: 'state' },
      { head: 'latency', number: true, minor: true },
      { head: 'good', number: true, minor: true },
      { head: 'last look' },
      { head: 'next', minor: true },
      { head: 'what was seen', minor: true },
      { head: 'look' },
    ],
    rows,
    'Nothing is watched: see [upstream] watch in config.toml.',
  );
}

function stateOf({ looked_at, failures }: probe.Probe): [Tone, string] {
  if (looked_at === null) return ['calm', 'not yet'];
  return failures === 0 ? ['good', 'ok'] : ['bad', `failed ${failures}×`];
}

function foundOf(findings: readonly finding.Finding[]): Html {
  return table(
    [{ head: 'found' }, { head: 'since' }, { head: 'until' }, { head: 'what', minor: true }],
    findings.map(({ first_seen_at, over_at, kind, severity, cause, text, cure }) => [
      html`${text}${cure === null ? '' : html`<br><small>${cure}</small>`}`,
      when(first_seen_at),
      over_at !== null ? when(over_at) : pill(TONE_OF[severity], kind === 'news' ? 'holds' : 'open'),
      cause,
    ]),
    'Nothing was found: all is as it should be.',
  );
}
