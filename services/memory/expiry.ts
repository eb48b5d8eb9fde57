/** What is over: its time has passed, or it was to be done long ago. It stays on record. */

import * as memory from '#shared/tables/memory.ts';
import { boardOf } from './board.ts';
import { alone, carryOut, type Keeper } from './keep.ts';

const DAY_ms = 86_400_000;
/** So long after its time a task or date is not spoken of any more. */
const OVERDUE_ms = 30 * DAY_ms;
/** So long a session is summed up; later the days and weeks are, and its own words can be found as ever. */
const SESSION_ms = 90 * DAY_ms;

export async function expire(ctx: Keeper): Promise<void> {
  await alone(ctx.store, async () => {
    const now = ctx.clock.now();
    const over = await ctx.store.read(memory.over(now, now - OVERDUE_ms, now - SESSION_ms));
    for (const [scope, rows] of Map.groupBy(over, (one) => one.scope)) {
      const board = boardOf(rows, []);
      for (const piece of board.pieces)
        board.change('expire', piece, { status: 'expired', unrecorded_at: now });
      await carryOut(ctx, {}, scope, board.steps, []);
    }
  });
}
