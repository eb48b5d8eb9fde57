/** Who hears what is remembered: a group what was said in it, and nobody else's words, whoever asks there. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import { buildHouse, type House, OWNER } from '#shared/testing/house.ts';
import { type Phone, phoneOf } from '#shared/testing/phone.ts';
import { until } from '#shared/testing/scratch.ts';

const [FAMILY, CLUB] = [-55, -66];
const ASKED = 'What is the nickname of the parrot?';

let house: House;

before(async () => {
  const group = (chat: number) => `{ chat = ${chat}, senders = "members", mention = "always" }`;
  house = await buildHouse({
    config: `[telegram]\ngroups = [${group(FAMILY)}, ${group(CLUB)}]\n[memory]\nrules_after_s = 0\n`,
  });
  await house.serve('router');
  await Promise.all((['core', 'telegram', 'memory'] as const).map((name) => house.serve(name)));
});
after(() => house.close());

test('what is said in private or in one group is told in no other, and each hears its own', async () => {
  const places: [Phone, string][] = [
    [phoneOf(house, OWNER), 'Quibble'],
    [phoneOf(house, FAMILY), 'Razzle'],
    [phoneOf(house, CLUB), 'Snappy'],
  ];
  for (const [phone, name] of places) {
    await phone.ask(`My parrot's nickname is ${name}`, /^answer to/);
    await phone.ask(`/remember the parrot is called ${name}`, /^I will remember/);
    // From here on it is not told word for word.
    await phone.ask('/new', /./);
  }
  await until('it is remembered in three places', async () => {
    const rows = await house.read<{ scope: string }>(
      `SELECT DISTINCT scope FROM memory WHERE status = 'active' AND text LIKE 'the parrot is called %'`,
    );
    return rows.length === 3;
  });
  await until('all is indexed', async () => {
    const [row] = await house.read<{ left: number }>(
      'SELECT (SELECT max(id) FROM message) - (SELECT upto_id FROM passage_cursor) AS left',
    );
    return row?.left === 0;
  });
  for (const [phone, name] of places) {
    const answer = await phone.ask(ASKED, /^answer to/);
    const request = house.model
      .calls()
      .map(({ body }) => JSON.stringify((body as MessagesRequest) ?? {}))
      .findLast((body) => body.includes(ASKED));
    assert.ok(request?.includes(`parrot is called ${name}`), `${name} is recalled: ${request?.slice(-600)}`);
    for (const [, other] of places)
      if (other !== name) assert.ok(!request?.includes(other), `${other} is told in ${phone.chat}`);
    assert.ok(answer);
    const shown = await phone.ask('/memory parrot', /parrot/);
    for (const [, other] of places) if (other !== name) assert.ok(!shown.text.includes(other), shown.text);
    const nothing = await phone.ask(`/forget ${name === 'Quibble' ? 'Razzle' : 'Quibble'}`, /./);
    assert.match(nothing.text, /^I find nothing/);
  }
});
