/** How long somebody is in, and who is not. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf } from '#shared/base/access.ts';
import { openStore } from '#shared/store/store.ts';
import * as consoleLink from '#shared/tables/console_link.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { COOKIE, sessions } from './session.ts';

const HOUR_ms = 3_600_000;
const START = Date.UTC(2026, 10, 22);

async function desk(t: import('node:test').TestContext) {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'console', flush: 'normal' });
  const line = await openStore({ directory, principal: 'cli', flush: 'normal' });
  t.after(() => Promise.all([store.close(), line.close()]));
  const clock = { at: START };
  const known = sessions(store, () => clock.at);
  let nth = 0;
  return {
    clock,
    known,
    /** A link as the command line makes it. */
    async link(lasts_ms = 60_000) {
      const token = `token ${nth++}`;
      const made = { hash: hashOf(token), kind: 'in', made_by: 'ada', made_at: clock.at } as const;
      await line.commit([consoleLink.make({ ...made, expires_at: clock.at + lasts_ms })]);
      return token;
    },
    async end() {
      const made = { hash: `end ${nth++}`, kind: 'end', made_by: 'ada', made_at: clock.at } as const;
      await line.commit([consoleLink.make({ ...made, expires_at: clock.at })]);
    },
    async enter(token: string) {
      const entered = await known.enter(token, 'a browser');
      if (!entered) return null;
      const [cookie = ''] = entered.cookie.split(';');
      return { ...entered, cookie, isIn: async () => (await known.of(entered.path, cookie)) !== null };
    },
    again: () => sessions(store, () => clock.at),
  };
}

test('a link lets one in, once, within its minute', async (t) => {
  const { clock, link, enter } = await desk(t);
  const token = await link();
  clock.at += 59_999;
  assert.ok(await enter(token));
  assert.equal(await enter(token), null);
  const late = await link();
  clock.at += 60_000;
  assert.equal(await enter(late), null);
  assert.equal(await enter('guessed'), null);
});

test('of two who use a link at the same moment one gets in', async (t) => {
  const { link, enter } = await desk(t);
  const token = await link();
  const both = await Promise.all([enter(token), enter(token)]);
  assert.equal(both.filter((one) => one !== null).length, 1);
});

test('a link from a future that was taken back leads nowhere', async (t) => {
  const { clock, link, enter } = await desk(t);
  const token = await link();
  clock.at -= HOUR_ms;
  assert.equal(await enter(token), null);
});

test('who is in stays in for twelve hours after the last visit, over a restart too', async (t) => {
  const { clock, known, again, link, enter } = await desk(t);
  const one = await enter(await link());
  assert.ok(one);
  clock.at += 12 * HOUR_ms - 1;
  assert.ok(await one.isIn());
  const session = await again().of(one.path, one.cookie);
  assert.ok(session);
  await known.seen(session);
  clock.at += 12 * HOUR_ms - 1;
  assert.ok(await one.isIn());
  clock.at += 1;
  assert.equal(await one.isIn(), false);
});

test('the cookie of one session is none of another, and one that another program has set locks nobody out', async (t) => {
  const { known, link, enter } = await desk(t);
  const [a, b] = [await enter(await link()), await enter(await link())];
  assert.ok(a && b);
  assert.equal(await known.of(a.path, b.cookie), null);
  assert.ok(await known.of(a.path, `${COOKIE}=x; ${b.cookie}; ${a.cookie}`));
  assert.equal(await known.of(a.path, `${COOKIE}=x; ${b.cookie}`), null);
  assert.equal(await known.of(a.path, `${COOKIE}=`), null);
  assert.equal(await known.of(a.path, undefined), null);
  assert.ok(await known.of(a.path, `theme=dark; ${a.cookie}`));
});

test('the cookie is sent to addresses that nobody else knows, and to no script', async (t) => {
  const { known, link } = await desk(t);
  const entered = await known.enter(await link(), 'a browser');
  assert.match(
    entered?.cookie ?? '',
    /^vigil_console=[\w-]{43}; Path=\/c\/[\w-]{22}\/; HttpOnly; SameSite=Strict$/,
  );
});

test('when all are told to leave, those who come afterwards stay', async (t) => {
  const { clock, link, enter, end } = await desk(t);
  const before = await enter(await link());
  clock.at += 1;
  await end();
  clock.at += 1;
  const after = await enter(await link());
  assert.equal(await before?.isIn(), false);
  assert.equal(await after?.isIn(), true);
});

test('a link that was made before all were told to leave lets nobody in afterwards', async (t) => {
  const { clock, link, enter, end } = await desk(t);
  const seen = await link();
  clock.at += 1;
  await end();
  clock.at += 1;
  assert.equal(await enter(seen), null);
  assert.ok(await enter(await link()));
});

test('guesses let nobody in, and keep nobody out', async (t) => {
  const { known, link, enter } = await desk(t);
  const one = await enter(await link());
  for (let nth = 0; nth < 50; nth++) {
    assert.equal(await enter(`guess ${nth}`), null);
    assert.equal(await known.of(one?.path ?? '', `${COOKIE}=guess`), null);
  }
  assert.equal(await one?.isIn(), true);
  assert.ok(await enter(await link()));
});
