/** /cost: what was spent today and this month, and on which models. */

import { nanousdOf, usd } from '#shared/base/money.ts';
import { periodOf } from '#shared/base/period.ts';
import * as spend from '#shared/tables/spend.ts';
import * as total from '#shared/tables/total.ts';
import { type Act, only } from './control.ts';

export const cost: Act = async ({ store, clock, shared }) => {
  const now = clock.now();
  const { day_usd, month_usd } = shared.budget;
  const month = periodOf('month', now);
  const windows = [
    { name: 'Today', id: spend.windowId('day', 'day', now), limit_usd: day_usd },
    { name: 'This month', id: spend.windowId('month', 'month', now), limit_usd: month_usd },
  ];
  const ids = windows.map(({ id }) => id);
  const spent = new Map((await store.read(spend.of(ids))).map((row) => [row.id, row.spent_nanousd]));
  const added = new Map((await store.read(spend.added(ids))).map((row) => [row.id, row.nanousd]));
  const models = await store.read(total.by('model', month.starts_at, month.ends_at));
  const lines = [
    ...windows.map(({ name, id, limit_usd }) => {
      const limit = nanousdOf(limit_usd) + (added.get(id) ?? 0);
      return `${name}: ${usd(spent.get(id) ?? 0)} of ${usd(limit)}`;
    }),
    ...models
      .toSorted((a, b) => b.cost_nanousd - a.cost_nanousd)
      .map(({ name, cost_nanousd, calls }) => `· ${name}: ${usd(cost_nanousd)} in ${calls} calls`),
  ];
  return only('told', lines.join('\n'));
};
