/** Vectors in a house: a provider, the router, memory and core as processes of their own. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import * as inbound from '#shared/tables/inbound.ts';
import { startChatApi } from '#shared/testing/chat-api.ts';
import { buildHouse, OWNER, RAISED } from '#shared/testing/house.ts';
import { goodVector, nameOf, otherNameOf } from '#shared/testing/meaning.ts';
import { put } from '#shared/testing/remembered.ts';
import { until } from '#shared/testing/scratch.ts';
import { bytesOf, speak, storeFiles } from '#shared/testing/spoken.ts';

const KEY = 'sk-vectors';
const THINGS = 64;
const WITHOUT_MEMORY = 99;

test('a good provider of vectors helps core to remember, a dead one harms nobody, and none leaves nothing', async (t) => {
  const chat = await startChatApi({ key: KEY });
  chat.embed(goodVector);
  const embed = 'embed = "one/small"\n';
  const house = await buildHouse({
    telegram: false,
    config: `${RAISED}[memory]\nconsolidate = "off"\n${embed}[router.providers.one]
kind = "openai"\nbase_url = "${chat.root}/v1"\nkeys = ["VECTORS_KEY"]\n[router.prices.small]\ninput = 0.02\noutput = 0\n`,
  });
  t.after(async () => {
    await house.close();
    await chat.close();
  });
  writeFileSync(join(house.home.credentials, 'providers.env'), `VECTORS_KEY=${KEY}\n`, { mode: 0o600 });
  const things = Array.from({ length: THINGS }, (_, thing) => thing);
  const passageOf = (thing: number) => ({
    ...{ id: 90_000 + thing, scope: 'owner' },
    text: `The ${nameOf(thing)} went under my stairs`,
  });
  await put(house.home.state, {
    passages: [...things, WITHOUT_MEMORY].map(passageOf),
    memories: things.map((thing) => ({
      ...{ scope: 'owner', origin: 'model', sources: [90_000 + thing] },
      text: `Somebody keeps a ${otherNameOf(thing)} stored at home`,
    })),
  });
  await house.serve('router');
  const memory = await house.serve('memory');
  const trials = () =>
    house.read<{ used: number; model: string }>('SELECT used, model FROM embedding_trial ORDER BY id');
  await until('vectors have been tried', async () => (await trials()).length > 0);
  assert.deepEqual(await trials(), [{ used: 1, model: 'small' }]);

  await house.serve('core');
  house.model.script(() => 'I see.');
  const store = await house.store();
  const ask = async (text: string) => {
    const conversation = `telegram:${OWNER}`;
    const received = {
      channel: 'telegram',
      conversation,
      chat: `${OWNER}`,
      sender: `${OWNER}`,
      text,
    } as const;
    const rest = { message_ref: null, payload_json: '{}', state: 'pending', note: null } as const;
    await store.commit([
      inbound.receive({ source: 'test', source_key: text, received_at: Date.now(), ...received, ...rest }),
    ]);
    return until('it is answered', async () => {
      const [turn] = await house.read<{ id: string }>(
        `SELECT t.id FROM turn t JOIN message m ON m.turn_id = t.id WHERE m.text = ? AND t.state = 'done'`,
        text,
      );
      return turn?.id;
    });
  };
  const refs = async (turn_id: string) =>
    (
      await house.read<{ ref: number; why_json: string }>('SELECT * FROM recalled WHERE turn_id = ?', turn_id)
    ).filter(({ ref }) => ref === 90_000 + WITHOUT_MEMORY);
  const [found] = await refs(await ask(`Where is that ${otherNameOf(WITHOUT_MEMORY)}?`));
  assert.ok(JSON.parse(found?.why_json ?? '{}').near > 0, 'no word of it was said');
  const [call] = await house.read<{ task: string; turn_id: string | null }>(
    `SELECT task, turn_id FROM call WHERE caller = 'core' AND target = 'one/small'`,
  );
  assert.equal(call?.task, 'embedding');
  assert.ok(call?.turn_id, 'it counts in the budget of its answer');

  await chat.close();
  const alone = await ask(`Where now is that ${otherNameOf(WITHOUT_MEMORY)}?`);
  assert.deepEqual(await refs(alone), [], 'by words alone there is nothing');

  await memory.stop();
  writeFileSync(house.home.config, readFileSync(house.home.config, 'utf8').replace(embed, ''));
  await house.serve('memory');
  const left = () => house.read('SELECT ref FROM embedding UNION ALL SELECT id FROM embedding_trial');
  await until('nothing is left of them', async () => (await left()).length === 0);
});

test('with what is forgotten go its vectors, to the last byte, and those of its neighbours stay', async (t) => {
  // Nobody is there to make new ones.
  const config = '[memory]\nembed = "one/small"\n';
  const house = await buildHouse({ telegram: false, key: false, config, owners: [42] });
  t.after(() => house.close());
  prepareHome(house.home);
  const at = Date.UTC(2026, 4, 4, 12);
  await speak(house.home, [
    { turn: '01-a', text: 'good morning, how are you', answer: 'fine, and you', at },
    {
      ...{ turn: '02-b', text: 'The locker opens with 88-41.', answer: 'Noted.', at: at + 1000 },
      memory: 'The code of the locker is 88-41',
    },
  ]);
  const markOf = (ref: number) => `(the vector of ${ref}, which has so many bytes)`;
  const store = await openStore({ directory: house.home.state, principal: 'memory', flush: 'normal' });
  const all = { verb: 'test', sql: 'SELECT id FROM passage UNION ALL SELECT -id FROM memory', args: [] };
  const refs = (await store.read<{ id: number }>(all)).map(({ id }) => id);
  const sql = `INSERT INTO embedding (ref, scope, model, norm, vector) VALUES (?, 'owner', 'small', 1, ?)`;
  await store.commit(refs.map((ref) => ({ verb: 'test', sql, args: [ref, Buffer.from(markOf(ref))] })));
  const targets_json = JSON.stringify({ turns: ['02-b'], memories: [] });
  const forget = `INSERT INTO wish (kind, scope, targets_json, tainted, given_by, at) VALUES ('forget', 'owner', ?, 0, 'cli', 7)`;
  await store.commit([{ verb: 'test', sql: forget, args: [targets_json] }]);
  await store.close();
  const left = () => refs.filter((ref) => bytesOf(storeFiles(house.home), markOf(ref)) > 0);
  assert.deepEqual(left(), refs);
  assert.ok(refs.length >= 5);

  const memory = await house.serve('memory');
  const wish = await until('it is forgotten', async () => {
    const [row] = await house.read<{ state: string; outcome: string }>(
      "SELECT state, outcome FROM wish WHERE kind = 'forget'",
    );
    return row?.state !== 'pending' && row;
  });
  assert.equal(wish.state, 'done', wish.outcome);
  await memory.stop();
  assert.deepEqual(left(), [1, 2]);
});
