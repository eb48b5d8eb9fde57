/**
 * tools: runs the agent's tool calls, each as far as it is allowed to, programs in a sandbox.
 *
 * It owns `tool`, `approval`, `permission` and the states of `tool_call`, `ruling` and `taint`. core asks for a call; here
 * it is judged, marked as running before anything happens, run, and finished in one commit with whatever it posts. What
 * goes wrong in a tool is a result that the model reads, and never brings the service down.
 *
 * When it dies, what was running is over with an unknown outcome, unless its tool is repeatable: that runs again. /stop,
 * the halt, and the end of a drain abort what runs.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '#shared/base/clock.ts';
import { messageOf } from '#shared/base/errors.ts';
import { withIds } from '#shared/base/log.ts';
import { nearest } from '#shared/base/spelling.ts';
import { serviceOf } from '#shared/manifest.ts';
import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { Fenced } from '#shared/store/store.ts';
import * as share from '#shared/tables/share.ts';
import * as taint from '#shared/tables/taint.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import { approvals, ask, type Wanted } from './approve.ts';
import { builtIn } from './built-in.ts';
import { config } from './config.ts';
import { openEgress } from './egress.ts';
import { judge, openTo } from './judge.ts';
import { openMcp } from './mcp.ts';
import { prune } from './prune.ts';
import {
  type Allowed,
  type Call,
  type Egress,
  type Hands,
  openRegistry,
  type Registry,
  type Result,
  type Sandbox,
  type Tool,
  type Tools,
} from './registry.ts';
import { bounded, text } from './result.ts';
import { openSandbox } from './sandbox.ts';
import { searchTools } from './search.ts';

/** How long before its stop time the service interrupts what still runs, to have the time to say so. */
const LAST_WORD_ms = 5000;
/** How long a tool may take to end once it is told to. */
const GRACE_ms = 2000;
const LIMIT_ms = 60_000;
const HOUR_ms = 3_600_000;

const INTERRUPTED = 'interrupted: nobody knows what came of it';

/** Why a call is stopped before its end: the reason that its signal aborts with. */
class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly because: 'turn' | 'halt' | 'drain' | 'limit';
  constructor(because: Stopped['because'], message: string) {
    super(message);
    this.because = because;
  }
}

const HALTED = new Stopped('halt', 'interrupted by a halt: nobody knows what came of it');

type Piece = { call: Call; tool: Tool; allowed: Allowed };
type Begun = Piece & { stop: AbortController };
type Outside = { sandbox: Promise<Sandbox>; egress: Egress };

/** The service with these tools of its own. */
export const toolsWith = (own: readonly Tool[]) =>
  service({
    name: 'tools',
    config,
    async start(ctx) {
      // A folder of skills that is not there could be made by any program.
      for (const folder of [join(ctx.home.workspace, 'skills'), ctx.home.files])
        mkdirSync(folder, { recursive: true, mode: 0o770 });
      const registry = openRegistry(ctx);
      const now = ctx.clock.now();
      await registry.put(
        'built in',
        [...own, ...searchTools(ctx.config)],
        tool_call.adopt(ctx.instance, { result_json: JSON.stringify(text(INTERRUPTED)), now }),
      );
      const egress = openEgress(ctx);
      const sandbox = openSandbox({ home: ctx.home, shares: () => ctx.store.read(share.all), egress });
      sandbox.then((opened) => {
        if (!opened.available) ctx.problem(`commands are off: ${opened.why}`);
      });
      await openMcp(ctx, { registry, sandbox, egress });
      ctx.onEnd(async () => {
        await sandbox;
        await egress.close();
      });
      const running = new Map<string, AbortController>();
      const stopAll = (why: Stopped) => {
        for (const stop of running.values()) stop.abort(why);
      };

      ctx.doing('waiting for calls');
      ctx.work<Begun>({
        name: 'calls',
        queue: 'tool',
        lanes: ctx.config.parallel_calls,
        halts: true,
        look: () => take(ctx, registry, running),
        async act(begun) {
          const { id, turn_id } = begun.call;
          await withIds({ turn: turn_id, call: id }, () => act(ctx, begun, { sandbox, egress })).finally(() =>
            running.delete(id),
          );
        },
      });
      approvals(ctx);
      // In a loop of its own: a /stop shall not wait until a lane is free.
      ctx.work<never>({
        name: 'stops',
        queue: 'tool',
        async look() {
          await cancelOrphans(ctx, running);
          return null;
        },
        async act() {},
      });
      ctx.every('prune', HOUR_ms, async () => {
        const gone = await prune(ctx.home, ctx.clock.now());
        if (gone > 0) ctx.log.info('results.pruned', { gone });
      });
      ctx.halt.onChange((halted) => {
        if (halted) stopAll(HALTED);
      });
      ctx.signal.addEventListener('abort', () => {
        const patience_ms = serviceOf('tools').stop_s * 1000 - LAST_WORD_ms;
        setTimeout(() => stopAll(new Stopped('drain', INTERRUPTED)), patience_ms).unref();
      });
    },
  });

export const tools = toolsWith(builtIn);

/** The next call that may run, marked as running; those before it that may not are answered here. */
async function take(
  ctx: Tools,
  registry: Registry,
  running: Map<string, AbortController>,
): Promise<Begun | null> {
  for (;;) {
    const [call] = await ctx.store.read(tool_call.next);
    if (!call) return null;
    const piece = await judged(ctx, registry, call).catch((error) => {
      ctx.log.error('call.unjudged', { call: call.id, error });
      return { failed: `${call.tool} could not be judged: ${messageOf(error)}` };
    });
    if ('ask' in piece) {
      await ask(ctx, call, piece.ask).catch((error) => {
        // Its turn is over.
        if (!(error instanceof Fenced)) throw error;
        return cancelOrphans(ctx, running);
      });
      continue;
    }
    if ('failed' in piece || 'denied' in piece) {
      const [state, why] =
        'failed' in piece ? (['failed', piece.failed] as const) : (['denied', piece.denied] as const);
      await finish(ctx, call, state, { content: text(why) });
      continue;
    }
    // Known before it is marked, so that whatever stops calls from now on finds it.
    const stop = new AbortController();
    running.set(call.id, stop);
    let started: tool_call.ToolCall | undefined;
    try {
      [[started]] = await ctx.store.commit([tool_call.start(call, ctx.instance, ctx.clock.now())]);
    } finally {
      if (!started) running.delete(call.id);
    }
    if (started) return { ...piece, stop, call: { ...started, input: piece.call.input } };
    // Its turn is over.
    await cancelOrphans(ctx, running);
  }
}

/** What is to run, or why it will not. */
async function judged(
  ctx: Tools,
  registry: Registry,
  call: tool_call.ToolCall,
): Promise<Piece | { failed: string } | { denied: string } | { ask: Wanted }> {
  const tool = registry.of(call.tool);
  if (!tool) {
    const near = nearest(call.tool, registry.names());
    const cure = near ? `did you mean ${near}?` : 'find_tools finds those that there are';
    return { failed: `there is no tool ${call.tool}; ${cure}` };
  }
  const parsed = tool.input.safeParse(JSON.parse(call.input_json));
  if (!parsed.success) {
    const faults = parsed.error.issues.map(
      ({ path, message }) => `${['input', ...path].join('.')}: ${message}`,
    );
    return { failed: `${tool.name}: ${faults.join('; ')}` };
  }
  const known = { ...call, input: parsed.data };
  const verdict = await judge(ctx, tool, known);
  if (verdict.do === 'allow')
    return { call: known, tool, allowed: verdict.grants ?? { hosts: [], paths: [] } };
  if (verdict.do !== 'deny') return { ask: verdict };
  return { denied: `not allowed: ${tool.about(known.input)}: ${verdict.why}` };
}

async function act(ctx: Tools, { call, tool, allowed, stop }: Begun, outside: Outside): Promise<void> {
  const began = ctx.clock.mono();
  const limit_ms = tool.limit_ms ?? LIMIT_ms;
  const late = `stopped after its limit of ${limit_ms / 1000} s; what it had done by then stands`;
  const timer = setTimeout(() => stop.abort(new Stopped('limit', late)), limit_ms);
  try {
    // The halt may have come between the look and here; nothing has happened yet.
    if (ctx.halt.on()) return void (await ctx.persist([tool_call.putBack(call)]));
    const result = await outcome(tool, call, {
      ctx,
      signal: stop.signal,
      allowed,
      ...(await openTo(ctx, call)),
      sandbox: await outside.sandbox,
      egress: outside.egress,
    });
    const why: unknown = result.failed ? stop.signal.reason : undefined;
    const state = why instanceof Stopped ? endOf(why, tool) : result.failed ? 'failed' : 'done';
    if (state === 'pending') await ctx.persist([tool_call.putBack(call)]);
    else await finish(ctx, call, state, result);
    const took_ms = Math.round(ctx.clock.mono() - began);
    ctx.log.info('call.finished', { tool: tool.name, state, took_ms });
  } finally {
    clearTimeout(timer);
  }
}

function endOf({ because }: Stopped, { repeatable }: Tool) {
  if (because === 'turn') return 'cancelled';
  if (because === 'limit') return 'failed';
  return repeatable ? 'pending' : 'interrupted';
}

/** What came of it. One that was stopped and does not end by itself is left behind. */
async function outcome(tool: Tool, call: Call, hands: Hands): Promise<Result> {
  const { signal } = hands;
  const over = new AbortController();
  try {
    signal.throwIfAborted();
    const result = await Promise.race([tool.run(call, hands), overdue(signal, over.signal)]);
    if (!result.failed || !signal.aborted) return result;
    return { ...result, content: [...text(messageOf(signal.reason)), ...result.content] };
  } catch (error) {
    return { content: text(messageOf(signal.aborted ? signal.reason : error)), failed: true };
  } finally {
    over.abort();
  }
}

/** Fails some time after the abort. */
async function overdue(signal: AbortSignal, over: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true, signal: over });
  });
  await sleep(GRACE_ms, over);
  throw signal.reason;
}

/** The end of a call, with what it posts and whose words it brings, in one commit. */
async function finish(
  ctx: Tools,
  call: tool_call.ToolCall,
  state: Exclude<tool_call.State, 'pending' | 'asking' | 'running'>,
  result: Result,
): Promise<void> {
  const now = ctx.clock.now();
  const source = result.source ?? null;
  const result_json = JSON.stringify(await bounded(result.content, call.id, ctx.home));
  try {
    await ctx.persist([
      tool_call.finish(call, { state, result_json, source, now }),
      ...(source === null ? [] : [taint.note({ turn_id: call.turn_id, source, at: now })]),
      ...(state === 'done' ? (result.ops ?? []) : []),
    ]);
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
    ctx.log.info('call.superseded', { call: call.id, state });
  }
}

/** What is open of a turn that is over: stopped when it runs, and over at once when it does not. */
async function cancelOrphans(ctx: Tools, running: ReadonlyMap<string, AbortController>): Promise<void> {
  const why = new Stopped('turn', 'cancelled: its turn is over');
  for (const call of await ctx.store.read(tool_call.orphaned)) {
    const stop = running.get(call.id);
    if (stop) stop.abort(why);
    else if (call.state !== 'running') await finish(ctx, call, 'cancelled', { content: text(why.message) });
  }
}

main(import.meta.filename, tools);
