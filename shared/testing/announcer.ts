/** One that announces incidents as quickly as it can, by a clock that jumps; for tests that kill it. */

import { openStore } from '../store/store.ts';
import { announce } from '../telling/announce.ts';

const [directory = '', principal = '', owner] = process.argv.slice(2);
const store = await openStore({ directory, principal, flush: 'normal' });
const clock = { now: () => Date.now() + Math.round((Math.random() - 0.5) * 7_200_000) };
for (let first = true; ; first = false) {
  await announce({ store, clock }, { owners: [Number(owner)], patience_ms: 10, remind_ms: 0 });
  if (first) process.send?.('announced');
  await new Promise((resolve) => setImmediate(resolve));
}
