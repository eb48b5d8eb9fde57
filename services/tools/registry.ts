/**
 * What a tool is: its name, its input, what it does, and what it is given to do it with. Here because everything else in
 * this folder meets in these types; which tools there are is in `built-in.ts`, and what of MCP servers joins them while
 * the service runs.
 */

import * as z from 'zod/mini';
import type { Context } from '#shared/runtime/context.ts';
import type { Home } from '#shared/runtime/home.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Share } from '#shared/tables/share.ts';
import * as toolTable from '#shared/tables/tool.ts';
import type { ToolCall } from '#shared/tables/tool_call.ts';
import type { config } from './config.ts';

export type Config = z.infer<typeof config>;
export type Tools = Context<Config>;

/** What the model is told, as in `step.content_json`: core makes of a file what the model can read. */
export type Block = { type: 'text'; text: string } | File;
/** `path` is absolute, below the state's folder. */
export type File = { type: 'file'; path: string; name: string; mime: string };

/** Its input has been parsed by the tool's schema. */
export type Call<Input = unknown> = ToolCall & { input: Input };

export type Result = {
  content: Block[];
  /** Where words of strangers in it come from: noted as the turn's taint. Whoever makes the block frames them. */
  source?: string | null;
  /** The model is told that it went wrong, and how. */
  failed?: boolean;
  /** Written in the commit that finishes the call: what it posts goes out once, or not at all. */
  ops?: readonly Op[];
};

/** What a call may do beyond what all may: hosts that it may reach, absolute paths that it may touch. */
export type Allowed = { readonly hosts: readonly string[]; readonly paths: readonly string[] };

/** What "always for this" would allow: data, of which only the policy knows the meaning. */
export type Rule = { readonly [key: string]: unknown };

export type Verdict =
  | { do: 'allow'; grants?: Allowed }
  /** `scope`: what the owner is asked to allow, exactly. `rule` null: it can be allowed once only. */
  | { do: 'ask'; scope: string; rule: Rule | null; grants: Allowed }
  | { do: 'deny'; why: string }
  /** The call is itself a question to its owner: the answer is its result, and it is never run. */
  | { do: 'question'; question: string; choices: readonly string[] };

/** What a tool's own word about a call goes by. */
export type Facts = {
  home: Home;
  shares: readonly Share[];
  /** What came with the messages of its conversation: paths. Those of other chats are closed to it. */
  files: readonly string[];
  /** The turn has read words of strangers. */
  tainted: boolean;
  /** What would go with the memory of that number, in words; null: the call's conversation has none. */
  forgotten(what: { id: number; related?: boolean | undefined }): Promise<string | null>;
};

/** What a call is run with. */
export type Hands = {
  ctx: Tools;
  /** Aborts on /stop, halt, drain and time limit; its reason is an Error that says which. */
  signal: AbortSignal;
  sandbox: Sandbox;
  egress: Egress;
  allowed: Allowed;
  shares: readonly Share[];
  files: readonly string[];
};

export type Tool<Input extends z.ZodMiniType = z.ZodMiniType> = {
  name: string;
  /** What the model reads in every request: short. */
  description: string;
  input: Input;
  /** The JSON Schema that the model is shown, when it is not made from `input`. */
  schema?: object;
  offer: 'always' | 'on demand';
  /** To run it twice does no harm: after a crash it is run again. */
  repeatable: boolean;
  /** It is stopped after so long; a minute when left out. */
  limit_ms?: number;
  /** One line, for the status and for approvals: what it is about to do. */
  about(input: z.output<Input>): string;
  /** What it may do unasked by its nature; settings, permissions and taints are the policy's. */
  policy(input: z.output<Input>, facts: Facts): Verdict | Promise<Verdict>;
  /** What it throws becomes a failed result with the error's message. */
  run(call: Call<z.output<Input>>, hands: Hands): Promise<Result>;
};

/** Infers the input's type from its schema. */
export function tool<Input extends z.ZodMiniType>(definition: Tool<Input>): Tool {
  return definition;
}

/** What runs in the sandbox. `script` is for bash; `hosts` may be reached, nothing else of the network. */
export type Program = {
  argv?: readonly string[];
  script?: string;
  cwd: string;
  env: Readonly<Record<string, string>>;
  hosts: readonly string[];
  /** Hosts of the owner's own network that it may reach as well, by name. */
  lan?: readonly string[];
  /** Further absolute paths that it may write. */
  paths?: readonly string[];
  /** Files that it may read besides. */
  files?: readonly string[];
  input?: string;
  signal: AbortSignal;
  limits: Limits;
  /** For whom it runs, in the rows of its connections. */
  behalf?: Behalf;
};
/** As in external_call. */
export type Behalf = { action: string; payload: string | null; turn_id: string | null };
export type Limits = {
  cpu_s: number;
  memory_mb: number;
  processes: number;
  wall_ms: number;
  output_bytes: number;
};

export type Ended = {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  truncated: boolean;
  /** Hosts that it tried to reach and was refused. */
  refused: readonly string[];
  /** Why it was stopped, when we did it. */
  why?: string;
};

export type Spawned = {
  stdin: NodeJS.WritableStream;
  stdout: NodeJS.ReadableStream;
  stderr: NodeJS.ReadableStream;
  exited: Promise<{ code: number | null; signal: string | null }>;
  kill(): void;
};

export type Sandbox =
  | {
      available: true;
      run(program: Program): Promise<Ended>;
      /** For servers that stay: no wall time, no output limit. */
      spawn(
        program: Omit<Program, 'input' | 'limits'> & { limits: Omit<Limits, 'wall_ms' | 'output_bytes'> },
      ): Promise<Spawned>;
    }
  /** `why` names the cure too. */
  | { available: false; why: string };

/** The way out to the network for the service itself: resolves names itself, and refuses what is not of the open internet. */
export type Egress = {
  fetch(
    url: string,
    how: {
      /** `*`: any host of the open internet. */
      hosts: readonly string[];
      /** Hosts that may have private addresses. */
      private?: readonly string[];
      signal: AbortSignal;
      /** The body ends there. */
      most_bytes: number;
      method?: string;
      headers?: Readonly<Record<string, string>>;
      body?: string | Uint8Array;
      behalf?: Behalf;
    },
  ): Promise<Response>;
  close(): Promise<void>;
};

export type Registry = {
  of(name: string): Tool | undefined;
  names(): string[];
  /** Makes `tools` the tools of `source` (`built in`, `mcp <server>`), in the place of those that it had, with `more` in the same commit. */
  put(source: string, tools: readonly Tool[], more?: readonly Op[]): Promise<void>;
};

export function openRegistry({ store, clock }: Pick<Tools, 'store' | 'clock'>): Registry {
  const sources = new Map<string, ReadonlyMap<string, Tool>>();
  return {
    of: (name) => [...sources.values()].map((tools) => tools.get(name)).find((found) => found),
    names: () => [...sources.values()].flatMap((tools) => [...tools.keys()]),
    async put(source, tools, more = []) {
      sources.set(source, new Map(tools.map((each) => [each.name, each])));
      const rows = tools.map((each) => ({
        name: each.name,
        source,
        description: each.description,
        schema_json: JSON.stringify(schemaOf(each)),
        offer: each.offer,
        repeatable: each.repeatable ? 1 : 0,
        changed_at: clock.now(),
      }));
      const names = rows.map(({ name }) => name);
      await store.commit([toolTable.withdraw(source, names), ...rows.map(toolTable.offer), ...more]);
    },
  };
}

/** As the Messages API wants it; what says nothing there is left out, for each request pays for it. */
function schemaOf({ input, schema }: Tool): object {
  if (schema) return schema;
  const { $schema, additionalProperties, ...rest } = z.toJSONSchema(input, {
    io: 'input',
    override({ jsonSchema }) {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return rest;
}
