/**
 * The MCP servers of [tools.mcp], and their tools among the others. Each server has its own secret, its own hosts, its own
 * sandbox or address, and its own end: one that is dead or hangs fails its own calls alone.
 *
 * What a server says is a stranger's word, its descriptions too. A tool whose name, description or input has changed is
 * another tool: whatever was allowed of it is taken back.
 */

import { statSync } from 'node:fs';
import * as z from 'zod/mini';
import type { Backoff } from '#shared/base/backoff.ts';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { type Scrub, scrubber } from '#shared/base/scrub.ts';
import { untrusted } from '#shared/base/untrusted.ts';
import { readSection } from '#shared/runtime/config.ts';
import { secretFile } from '#shared/runtime/credentials.ts';
import * as external_call from '#shared/tables/external_call.ts';
import * as mcp_server from '#shared/tables/mcp_server.ts';
import type { Op } from '#shared/tables/op.ts';
import * as permission from '#shared/tables/permission.ts';
import * as tool_row from '#shared/tables/tool.ts';
import { config } from './config.ts';
import { keepCopy } from './file.ts';
import { resultOf } from './mcp/answer.ts';
import { type Offer, visible } from './mcp/offer.ts';
import { pipe } from './mcp/pipe.ts';
import { keep, type Open, type Server } from './mcp/server.ts';
import type { ServerSetting } from './mcp/setting.ts';
import { web } from './mcp/web.ts';
import {
  type Egress,
  type Registry,
  type Sandbox,
  type Tool,
  type Tools,
  tool,
  type Verdict,
} from './registry.ts';

const LOOK_ms = 2000;
const RESTART: Backoff = { first_ms: 1000, most_ms: 5 * 60_000 };
const LIMITS = { cpu_s: 24 * 3600, memory_mb: 2048, processes: 64 };
/** A call waits this much for its server besides. */
const PATIENCE_ms = 10_000;

type Kept = { key: string; server: Server };

/** @param restart how long a server that has died is left alone */
export async function openMcp(
  ctx: Tools,
  of: { registry: Registry; sandbox: Promise<Sandbox>; egress: Egress; restart?: Backoff },
): Promise<void> {
  const kept = new Map<string, Kept>();
  let settings = ctx.config.mcp;
  let seen_ms = mtime_ms(ctx.home.config);
  let fault: string | null = null;
  /** One after the other: a server is gone before it is started anew. */
  let settling: Promise<void> = Promise.resolve();

  function settle(): Promise<void> {
    settling = settling.then(settled).catch((error) => ctx.log.error('mcp.failed', { error }));
    return settling;
  }

  /** Starts, stops and starts anew, until what runs is what the config says. */
  async function settled(): Promise<void> {
    if (ctx.signal.aborted) return;
    const halted = ctx.halt.on();
    for (const [name, { key, server }] of kept) {
      if (!halted && settings[name] && key === keyOf(name, settings[name])) continue;
      kept.delete(name);
      await server.close();
      if (halted && settings[name]) await told({ name, state: 'halted', error: null, tools: 0 });
    }
    for (const [name, setting] of Object.entries(settings)) {
      if (!halted && !kept.has(name)) start(name, setting);
    }
  }

  /** What is not in the config any more, be it since the last run. */
  async function forgetOthers(): Promise<void> {
    const offered = (await ctx.store.read(tool_row.all)).flatMap(
      ({ source }) => /^mcp (\w+)$/.exec(source)?.[1] ?? [],
    );
    const known = (await ctx.store.read(mcp_server.all)).map(({ name }) => name);
    for (const name of new Set([...offered, ...known])) {
      if (settings[name]) continue;
      await publish(name, [], [], [mcp_server.forget(name)]);
    }
  }

  /** A config that is wrong changes nothing, and is a problem until it is right. */
  async function look(): Promise<void> {
    const now_ms = mtime_ms(ctx.home.config);
    const changed = now_ms !== seen_ms;
    seen_ms = now_ms;
    if (changed) {
      try {
        settings = readSection(ctx.home.config, 'tools', config).mcp;
        if (fault !== null) ctx.problem(null);
        fault = null;
      } catch (error) {
        if (!(error instanceof Misconfigured)) throw error;
        fault = error.message;
        ctx.problem(fault);
      }
    }
    await settle();
    if (changed) await forgetOthers();
  }

  function start(name: string, setting: ServerSetting): void {
    const scrub = scrubber();
    let count = 0;
    const server = keep({
      name,
      restart: of.restart ?? RESTART,
      hidden: scrub,
      open: opened(name, setting, scrub),
      state(state) {
        const error = state.state === 'failed' ? state.error : null;
        if (error !== null) ctx.log.warn('mcp.down', { server: name, error });
        told({ name, state: state.state, error, tools: count }).catch((failure) =>
          ctx.log.warn('mcp.untold', { server: name, error: failure }),
        );
      },
      async offered(offers) {
        const tools = offers.map((offer) => toolOf(name, setting, offer, { server, scrub }));
        await publish(name, offers, tools);
        count = offers.length;
        ctx.log.info('mcp.offered', { server: name, tools: offers.map((offer) => offer.tool) });
        await told({ name, state: 'ready', error: null, tools: count });
      },
    });
    kept.set(name, { key: keyOf(name, setting), server });
  }

  /** A server's settings and secret, as they are now. */
  function keyOf(name: string, setting: ServerSetting): string {
    return JSON.stringify([setting, mtime_ms(secretFile(ctx.home, `mcp/${name}`))]);
  }

  /** The way to a server: a program in the sandbox, or an address. */
  function opened(name: string, setting: ServerSetting, scrub: Scrub): Open {
    return async (sdk, over) => {
      const secret = secretOf(name, setting);
      scrub.add(Object.values(secret));
      const { command, url } = setting;
      if (url !== undefined)
        return web(sdk, { setting: { ...setting, url }, secret, egress: of.egress }, over);
      const sandbox = await of.sandbox;
      if (!sandbox.available) throw new Error(`there is no sandbox: ${sandbox.why}`);
      const program = await sandbox.spawn({
        argv: [command ?? '', ...setting.args],
        cwd: ctx.home.workspace,
        env: { ...setting.env, ...secret },
        hosts: setting.hosts,
        lan: setting.lan,
        signal: new AbortController().signal, // it ends with `kill`
        limits: LIMITS,
      });
      return pipe(program, sdk, over);
    };
  }

  /** The variables that it is to be given; read when it starts, and kept nowhere. */
  function secretOf(name: string, { secrets }: ServerSetting): Record<string, string> {
    if (secrets.length === 0) return {};
    const found = ctx.secret(`mcp/${name}`) ?? {};
    return Object.fromEntries(
      secrets.map((variable) => {
        const value = found[variable];
        if (value !== undefined) return [variable, value];
        throw new Misconfigured(
          `mcp ${name}: credentials/mcp/${name}.env has no ${variable}`,
          `scripts/vigil mcp remove ${name}, and add it with --secret ${variable}`,
        );
      }),
    );
  }

  /** Puts a server's tools on record. A permission of one that is not what it was goes in the same commit. */
  async function publish(
    name: string,
    offers: readonly Offer[],
    tools: readonly Tool[],
    more: readonly Op[] = [],
  ): Promise<void> {
    const source = `mcp ${name}`;
    const rows = (await ctx.store.read(tool_row.all)).filter((row) => row.source === source);
    const lost = rows.filter((row) => {
      const offer = offers.find((other) => other.name === row.name);
      return offer?.description !== row.description || JSON.stringify(offer.schema) !== row.schema_json;
    });
    if (lost.length > 0) ctx.log.info('mcp.changed', { server: name, tools: lost.map((row) => row.name) });
    const names = lost.map((row) => row.name);
    await of.registry.put(source, tools, [permission.revokeOf(names, ctx.clock.now()), ...more]);
  }

  async function told(row: Omit<mcp_server.McpServer, 'since_at'>): Promise<void> {
    await ctx.store.commit([mcp_server.tell({ ...row, since_at: ctx.clock.now() })]);
  }

  function toolOf(
    name: string,
    setting: ServerSetting,
    offer: Offer,
    { server, scrub }: { server: Server; scrub: Scrub },
  ): Tool {
    const limit_ms = setting.timeout_s * 1000;
    return tool({
      name: offer.name,
      description: offer.description,
      input: z.record(z.string(), z.unknown()),
      schema: offer.schema,
      offer: 'on demand',
      repeatable: false,
      limit_ms: limit_ms + 2 * PATIENCE_ms,
      about: (input) => `${name}: ${offer.tool} ${JSON.stringify(input).slice(0, 200)}`,
      policy: (input, { tainted }) => verdictOf(name, setting, offer, input, tainted),
      async run(call, { signal }) {
        const begun = ctx.clock.mono();
        const record = (status: string) =>
          ctx.persist([
            external_call.record({
              service: 'tools',
              target: `mcp ${name}`,
              action: offer.tool,
              payload: `tool_call ${call.id}`,
              status,
              latency_ms: Math.round(ctx.clock.mono() - begun),
              retries: 0,
              turn_id: call.turn_id,
              at: ctx.clock.now(),
            }),
          ]);
        try {
          const answer = await server.call(offer.tool, call.input, { signal, limit_ms });
          await record(answer.isError ? 'error' : 'ok');
          const keep = (file: string, bytes: Buffer) => keepCopy(call, ctx.home, file, bytes);
          return await resultOf(name, answer, { keep, hidden: scrub });
        } catch (error) {
          await record(signal.aborted ? 'stopped' : 'failed');
          if (signal.aborted) throw error;
          // Why it failed may be in the server's own words.
          const source = `mcp ${name}`;
          return {
            content: [{ type: 'text', text: untrusted(source, messageOf(error)) }],
            source,
            failed: true,
          };
        }
      },
    });
  }

  await settle();
  await forgetOthers();
  ctx.every('mcp', LOOK_ms, look);
  ctx.halt.onChange(() => void settle());
  ctx.onEnd(async () => {
    await Promise.all([...kept.values()].map(({ server }) => server.close()));
  });
}

/** By the owner's settings alone: what a server says of its own tools, such as "read-only", is its own word. */
function verdictOf(
  name: string,
  setting: ServerSetting,
  offer: Offer,
  input: Record<string, unknown>,
  tainted: boolean,
): Verdict {
  const named = setting.tools[offer.tool];
  // Who lets a server do all that it can has not said of this that it does no harm in a stranger's hands.
  const policy = named ?? (tainted && setting.policy === 'allow' ? 'ask' : setting.policy);
  if (policy === 'allow') return { do: 'allow' };
  if (policy === 'deny')
    return { do: 'deny', why: `[tools.mcp.${name}] in config.toml forbids ${offer.tool}` };
  return {
    do: 'ask',
    scope: `${visible(offer.tool, 200)} of the MCP server ${name}, with ${JSON.stringify(input)}`,
    rule: { tool: offer.name },
    grants: { hosts: [], paths: [] },
  };
}

function mtime_ms(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
