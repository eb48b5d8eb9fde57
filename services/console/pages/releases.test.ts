import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Answered, answerOf } from '#shared/runtime/releases.ts';
import { askedIn } from '#shared/runtime/rollback.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { releasesIn } from './releases.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const OLD = '1.0.0-aaaaaaaa';
const NEW = '1.1.0-bbbbbbbb';

async function installed(t: TestContext) {
  const prefix = scratch(t);
  for (const [version, migrations] of [
    [OLD, ['0001_house.sql']],
    [NEW, ['0001_house.sql', '0002_more.sql']],
  ] as const) {
    const folder = join(prefix, 'releases', version, 'shared', 'store', 'migrations');
    mkdirSync(folder, { recursive: true });
    for (const name of migrations) writeFileSync(join(folder, name), '');
  }
  symlinkSync(join('releases', NEW), join(prefix, 'current'));
  symlinkSync(join('releases', OLD), join(prefix, 'previous'));
  const page = releasesIn(prefix);
  const { visit } = await visitTo(t, config, { now: NOW });
  return {
    prefix,
    visit,
    shown: async () => String(await (await page.show(visit)).body),
    back: (version: string) => page.actions?.rollback?.(visit, new Map([['version', version]])),
    told: (of: Partial<Answered>) => {
      const answered = {
        from: NEW,
        to: OLD,
        began_at: NOW - 5000,
        took_ms: 1234,
        said: '',
        well: true,
        ...of,
      };
      writeFileSync(answerOf({ prefix }), JSON.stringify(answered));
    },
  };
}

test('what runs, what can be gone back to and what lies between is shown', async (t) => {
  const { shown } = await installed(t);
  const page = await shown();
  assert.match(page, new RegExp(`${NEW}</td><td[^>]*><span class="pill good">runs`));
  assert.match(page, new RegExp(`${OLD}</td><td[^>]*><span class="pill calm">the one before`));
  assert.match(page, /without 0002_more\.sql: the store of before the upgrade comes back/);
  assert.equal(page.match(/>Roll back</g)?.length, 1, 'not to what runs');
});

test('a rollback is asked for by the name of the release, and of nothing else', async (t) => {
  const { back, visit, shown } = await installed(t);
  for (const version of ['9.9.9', NEW, '', '../x', `${OLD}/..`])
    assert.ok((await back(version))?.refused, version);
  assert.deepEqual(askedIn(visit.ctx.home), []);
  assert.match((await back(OLD))?.say ?? '', /every service restarts/);
  assert.deepEqual(askedIn(visit.ctx.home), [OLD]);
  assert.match(await shown(), /asked for/);
});

test('how the last one went is shown with its time; while one goes on there is no second', async (t) => {
  const { told, shown, back } = await installed(t);
  told({ said: '<b>1.0.0</b> runs' });
  assert.match(await shown(), /pill good">done in 1\.2 s/);
  assert.match(await shown(), /&lt;b&gt;1\.0\.0/);
  told({ well: false, said: 'core is not ready: never seen' });
  assert.match(await shown(), /pill bad">ended after 1\.2 s[\s\S]+core is not ready/);
  told({ took_ms: null });
  assert.match(await shown(), /goes on, for 5\.0 s/);
  assert.ok((await back(OLD))?.refused);
  told({ began_at: NOW - 59_999 });
  assert.match((await back(OLD))?.say ?? '', /less than a minute ago/, 'it would be left out');
  told({ took_ms: null, began_at: NOW - 600_000 });
  assert.match(await shown(), /was cut off/);
  assert.equal((await back(OLD))?.refused, undefined);
});

test('in a checkout there is nothing to roll back', async (t) => {
  const { visit } = await visitTo(t, config);
  const page = releasesIn(null);
  assert.match(String(await (await page.show(visit)).body), /This is a checkout/);
  assert.ok((await page.actions?.rollback?.(visit, new Map([['version', OLD]])))?.refused);
  assert.deepEqual(askedIn(visit.ctx.home), []);
});
