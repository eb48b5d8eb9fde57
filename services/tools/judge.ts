/** Whether a call may run: all facts about it are gathered here, and a verdict is asked for. */

import * as share from '#shared/tables/share.ts';
import * as taint from '#shared/tables/taint.ts';
import type { Call, Tool, Tools, Verdict } from './registry.ts';

export async function judge(ctx: Tools, tool: Tool, call: Call): Promise<Verdict> {
  const shares = await ctx.store.read(share.all);
  const taints = await ctx.store.read(taint.ofTurn(call.turn_id));
  return tool.policy(call.input, { home: ctx.home, shares, taints: taints.map(({ source }) => source) });
}
