/** A month of ordinary use in the terminal, with nothing set up: the rehearsal model answers, rules remember, nothing is paid for. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as inbound from '#shared/tables/inbound.ts';
import { vigil } from '#shared/testing/cli.ts';
import { buildHouse, type House, type Suite } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { clockOf, noClock, type WallClock } from '#shared/testing/wall-clock.ts';

const DAYS = 30;
/** The machine sleeps in between: what was due comes once. */
const STEP = 3;
const DAY_ms = 86_400_000;
const BEGIN = Date.parse('2026-11-02T10:00Z');

describe('a month with the rehearsal model', { skip: noClock }, () => {
  let house: House;
  let clock: WallClock;
  let suite: Suite;

  before(async () => {
    house = await buildHouse({ telegram: false, key: false, config: '[owner]\ntime_zone = "UTC"\n' });
    clock = clockOf(house, BEGIN);
    // The command line goes by it too.
    Object.assign(process.env, clock.env);
    suite = await house.start();
  });
  after(() => house.close());

  const count = async (what: string) =>
    (await house.read<{ n: number }>(`SELECT count(*) AS n FROM ${what}`))[0]?.n ?? 0;
  async function tell(text: string): Promise<void> {
    const store = await house.store();
    const said = {
      source: 'test',
      source_key: text,
      channel: 'terminal',
      conversation: 'terminal:main',
    } as const;
    const about = { chat: null, sender: 'me', message_ref: null, payload_json: '{}', note: null } as const;
    const at = { received_at: clock.now(), state: 'pending' } as const;
    const [[row]] = await store.commit([inbound.receive({ ...said, ...about, ...at, text })]);
    const id = row?.id ?? 0;
    await until(`"${text}" is answered`, () => count(`inbound WHERE id = ${id} AND state = 'answered'`));
  }
  const send = async (text: string) => (await vigil(house.home, ['send', text])).stdout;

  it('passes without a fault, and without a try to ask a model', async () => {
    for (let day = 0; day < DAYS; day += STEP) {
      await tell(
        day === 0 ? 'I live in Rome.' : day === 12 ? 'I moved to Lisbon!' : `echo the day was number ${day}`,
      );
      await tell(`count words in what I did on day ${day}`);
      clock.set(BEGIN + (day + STEP) * DAY_ms);
      await until(
        `the night after day ${day} is over`,
        async () =>
          (await count(
            `slot WHERE job = 'consolidate memory' AND state = 'skipped' AND due_at > ${clock.now() - DAY_ms}`,
          )) > 0 && (await count(`slot WHERE state IN ('due', 'started')`)) === 0,
      );
    }
    assert.equal(await count("memory_run WHERE how <> 'rule'"), 0);
    assert.equal(await count("call WHERE caller LIKE 'memory%'"), 0);
    assert.equal(await count("slot WHERE state = 'failed'"), 0);
    assert.deepEqual(
      await house.read("SELECT cause, text FROM incident WHERE cause <> 'sleep' AND severity <> 'info'"),
      [],
    );
    assert.equal(suite.child.exitCode, null);
  });

  it('remembers, recalls and forgets all the same', async () => {
    assert.match(await send('/memory'), /I moved to Lisbon/);
    assert.doesNotMatch(await send('/memory'), /live in Rome/);
    await send('/remember my bicycle is called Zephyrine');
    await until('it is remembered', () =>
      count("memory WHERE text LIKE '%Zephyrine%' AND status = 'active'"),
    );
    assert.match(await send('/memory bicycle'), /Zephyrine/);
    const shown = await send('/forget Zephyrine');
    const [, confirm = ''] = /^Forget it: (\/forget yes \d+)/m.exec(shown) ?? [];
    assert.match(await send(confirm), /I forget it now/);
    await until('it is gone', async () => (await count("memory WHERE text LIKE '%Zephyrine%'")) === 0);
    assert.match(await send('/memory bicycle'), /I find nothing/);
  });
});
