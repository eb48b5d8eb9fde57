/**
 * The most that a request can cost: what is reserved before it leaves. A bound that is too low lets a budget be
 * overspent, one that is too high only refuses early, so whatever cannot be bounded is refused, with the cure.
 *
 * Input. No token is shorter than a byte of the body, and the body's own JSON is longer than what the API wraps around
 * each message and tool; what it adds beside is allowed for below. An image is not paid by its bytes: it has a cap. A
 * PDF has none short of the context window: its pages are compressed, may be listed in compressed streams, and may share
 * their content, so neither its size nor a count of `/Type /Page` says how long it is. Who wants less reserved for a
 * PDF has the tokens counted (`counted_tokens`). No input is longer than the model's context window.
 *
 * Server tools. The API runs them and asks the model again with the results, which is paid like a call of its own:
 * passes = uses + 1; the first reads the request, each later one at most the request, every result and all output so
 * far, and each may write max_tokens, because nothing says that max_tokens bounds their sum.
 *
 * Sources: Claude Platform Docs, "Vision", "PDF support", "Tool use", "Web search tool", "Web fetch tool", "Server
 * tools", "Token counting"; @anthropic-ai/sdk 1.12.0, resources/beta/messages/messages.d.ts.
 */

import { ApiError } from '#shared/messages/error.ts';
import { isObject } from '#shared/messages/shape.ts';
import { within } from './body.ts';
import { CONTEXT_tokens, cost_nanousd, isFree, missingPrice, type Price, type Terms } from './price.ts';
import { NOTHING } from './usage.ts';

export type Worst = {
  /** Over all passes, of all models that may answer. */
  input_tokens: number;
  output_tokens: number;
  nanousd: number;
  /** What the input probably is, for a rate limit: a bound would block what fits. */
  likely_tokens: number;
};

type PriceOfModel = (model: string) => Price | undefined;

export type How = {
  batch?: boolean;
  /** The API's own count of this request (POST /v1/messages/count_tokens), which need not be exact. */
  counted_tokens?: number;
  /** For requests that name further models: `fallbacks` and the advisor tool, refused without it. */
  priceOfModel?: PriceOfModel;
};

/** The largest image is 4,784 tokens. */
const IMAGE_tokens = 5000;
/** What the API adds of its own: to any request, for tool use, and for a tool whose definition it holds itself. */
const REQUEST_tokens = 500;
const TOOLS_tokens = 1000;
const BUILT_IN_TOOL_tokens = 5000;
/** Allowances, not bounds: the API limits neither what a search returns nor, in a fetched PDF, max_content_tokens. */
const SEARCH_RESULT_tokens = 30_000;
const FETCH_RESULT_tokens = 100_000;
/** The API's loop of passes ends after ten by default, which is all that limits a search among tools. */
const TOOL_SEARCH_uses = 9;

/** @throws ApiError (400) for a request whose cost has no bound */
export function worstOf(
  request: Record<string, unknown>,
  body_bytes: number,
  price: Price,
  how: How = {},
): Worst {
  const found = survey(request);
  const text_bytes = Math.max(0, body_bytes - found.media_bytes);
  const first = firstInput(found, text_bytes, how.counted_tokens);
  const likely = how.counted_tokens ?? likelyInput(found, text_bytes);
  const worst = isFree(price)
    ? {
        input_tokens: Math.min(first, price.context_tokens),
        output_tokens: limit(request.max_tokens, price.context_tokens),
        nanousd: 0,
      }
    : attempts(request, found, first, price, how);
  return { ...worst, likely_tokens: Math.min(Math.ceil(likely), price.context_tokens) };
}

/** The same for vectors: each of the texts may be as long as a context, all of it is in the body, and nothing is written. */
export function vectorsWorst(body_bytes: number, price: Price): Worst {
  const likely_tokens = Math.ceil(body_bytes / 3.5);
  const nanousd = cost_nanousd(dearest(price, body_bytes, null), { ...NOTHING, input_tokens: body_bytes });
  return { input_tokens: body_bytes, output_tokens: 0, nanousd, likely_tokens };
}

/** The same for the body of POST /v1/messages/batches: the sum of its requests, at batch rates. */
export function batchWorst(body: Record<string, unknown>, priceOfModel: PriceOfModel): Worst {
  const total: Worst = { input_tokens: 0, output_tokens: 0, nanousd: 0, likely_tokens: 0 };
  if (!Array.isArray(body.requests)) refuse('requests', `expected a list, got ${inWords(body.requests)}`);
  for (const [index, request] of body.requests.entries()) {
    const params: unknown = isObject(request) ? request.params : undefined;
    if (!isObject(params)) refuse(`requests.${index}.params`, `expected an object, got ${inWords(params)}`);
    const price = priceOf(params.model, `requests.${index}.params.model`, priceOfModel);
    const bytes = Buffer.byteLength(jsonOf(params, index));
    const worst = within(`requests.${index}.params`, () =>
      worstOf(params, bytes, price, { batch: true, priceOfModel }),
    );
    total.input_tokens += worst.input_tokens;
    total.output_tokens += worst.output_tokens;
    total.nanousd = Math.min(total.nanousd + worst.nanousd, Number.MAX_SAFE_INTEGER);
    total.likely_tokens += worst.likely_tokens;
  }
  return total;
}

function jsonOf(params: Record<string, unknown>, index: number): string {
  try {
    return JSON.stringify(params);
  } catch (error) {
    // JSON can be read at any depth, and written at some thousand levels only.
    if (!(error instanceof RangeError)) throw error;
    refuse(`requests.${index}.params`, 'it is nested too deeply');
  }
}

function firstInput(found: Survey, text_bytes: number, counted_tokens: number | undefined): number {
  // What a server holds of a conversation is in no count and no byte of the body.
  if (found.thread) return Number.POSITIVE_INFINITY;
  if (counted_tokens !== undefined) return Math.ceil((counted_tokens * 105) / 100) + 100;
  if (found.documents > 0) return Number.POSITIVE_INFINITY;
  const built_in = found.tools.filter(
    (tool) => typeof tool.type === 'string' && tool.type !== 'custom',
  ).length;
  const tools = found.tools.length > 0 ? TOOLS_tokens + built_in * BUILT_IN_TOOL_tokens : 0;
  return text_bytes + found.images * IMAGE_tokens + REQUEST_tokens + tools;
}

/** As it mostly turns out: 3.5 bytes of text to a token, 20 of a PDF, 10,000 tokens for a document that is elsewhere. */
function likelyInput(found: Survey, text_bytes: number): number {
  const elsewhere = found.documents - found.inline_documents;
  return text_bytes / 3.5 + found.images * 1500 + found.document_bytes / 20 + elsewhere * 10_000;
}

/** The request at its own model, and at each that the API may fall back to: all of them may be tried, and paid. */
function attempts(
  request: Record<string, unknown>,
  found: Survey,
  first: number,
  price: Price,
  how: How,
): Omit<Worst, 'likely_tokens'> {
  if (Array.isArray(request.mcp_servers) && request.mcp_servers.length > 0) {
    refuse('mcp_servers', `${NO_BOUND}. Cure: connect to the MCP servers yourself and pass their tools`);
  }
  const loop = loopOf(found.tools, how);
  const compacts = compaction(request) ? 2 : 1;
  const total = { input_tokens: 0, output_tokens: 0, nanousd: 0 };
  const add = (at: Price, input_tokens: number, output_tokens: number, terms: Terms, web_searches = 0) => {
    const usage = { ...NOTHING, input_tokens, output_tokens, web_searches };
    const cost = cost_nanousd(dearest(at, input_tokens, found.ttl), usage, terms);
    total.input_tokens += input_tokens;
    total.output_tokens += output_tokens;
    // Whatever is beyond is beyond every budget, and must stay a number that the ledger can hold.
    total.nanousd = Math.min(total.nanousd + cost, Number.MAX_SAFE_INTEGER);
  };
  const terms = { batch: how.batch === true, us: request.inference_geo === 'us' };
  const own = { at: price, max_tokens: request.max_tokens, speed: request.speed };
  for (const { at, speed, ...attempt } of [own, ...fallbacks(request, how)]) {
    const max_tokens = limit(attempt.max_tokens, at.context_tokens);
    const input = Math.min(first, at.context_tokens);
    const later = Math.min(input + loop.result_tokens + loop.uses * max_tokens, at.context_tokens);
    const read = compacts * (input + loop.uses * later);
    const written = compacts * (loop.uses + 1) * max_tokens;
    add(at, read, written, { ...terms, fast: speed === 'fast' }, loop.searches);
    for (const { price, uses, max_tokens } of loop.advisors) {
      add(price, uses * Math.min(later, price.context_tokens), uses * max_tokens, terms);
    }
  }
  return total;
}

function fallbacks(request: Record<string, unknown>, how: How) {
  const named = request.fallbacks ?? [];
  if (!Array.isArray(named)) {
    refuse(
      'fallbacks',
      `expected a list of models, got ${inWords(named)}: ${NO_BOUND}. Cure: name the models`,
    );
  }
  return named.map((hop: unknown, index) => {
    if (!isObject(hop)) refuse(`fallbacks.${index}`, `expected an object, got ${inWords(hop)}`);
    const at = priceOf(hop.model, `fallbacks.${index}.model`, how.priceOfModel);
    return { at, max_tokens: hop.max_tokens ?? request.max_tokens, speed: hop.speed ?? request.speed };
  });
}

/** Summing up a conversation that has grown too long is a pass of its own, which reads and writes like the others. */
function compaction({ compaction, context_management: context }: Record<string, unknown>): boolean {
  if (isObject(compaction)) return true;
  const edits = isObject(context) && Array.isArray(context.edits) ? context.edits : [];
  return edits.some((edit: unknown) => isObject(edit) && String(edit.type).startsWith('compact'));
}

type Loop = {
  /** How often the model may be asked again. */
  uses: number;
  /** What all these uses may add to the input. */
  result_tokens: number;
  searches: number;
  advisors: { price: Price; uses: number; max_tokens: number }[];
};

/** Tools that the client runs: each use of one ends the call. */
const CLIENT_TOOL = /^(custom|bash|text_editor|computer|memory|browser_toolset|computer_toolset)(_\d{8})?$/;

function loopOf(tools: readonly Tool[], how: How): Loop {
  const loop: Loop = { uses: 0, result_tokens: 0, searches: 0, advisors: [] };
  const use = (uses: number, result_tokens: number) => {
    loop.uses += uses;
    loop.result_tokens += uses * result_tokens;
  };
  for (const tool of tools) {
    const type = tool.type ?? 'custom';
    const name = String(type).replace(/_\d{8}$/, '');
    if (typeof type === 'string' && CLIENT_TOOL.test(type)) continue;
    if (name === 'web_search') {
      const uses = usesOf(tool, name);
      loop.searches += uses;
      use(uses, SEARCH_RESULT_tokens);
    } else if (name === 'web_fetch') {
      use(usesOf(tool, name), limit(tool.max_content_tokens ?? FETCH_RESULT_tokens, CONTEXT_tokens));
    } else if (name === 'advisor') {
      const uses = usesOf(tool, name);
      const price = priceOf(tool.model, 'tools (advisor): model', how.priceOfModel);
      const max_tokens = limit(tool.max_tokens, price.context_tokens);
      loop.advisors.push({ price, uses, max_tokens });
      use(uses, max_tokens);
    } else if (name.startsWith('tool_search_tool')) {
      // What it finds are tools of this request, which its bytes count already.
      use(TOOL_SEARCH_uses, 0);
    } else {
      refuse(`tools (${name})`, `${NO_BOUND}. Cure: leave it out, or run such a tool yourself`);
    }
  }
  return loop;
}

function usesOf(tool: Tool, name: string): number {
  if (isCount(tool.max_uses)) return tool.max_uses;
  const got = inWords(tool.max_uses);
  refuse(
    `tools (${name})`,
    `max_uses: expected a whole number, got ${got}: ${NO_BOUND}. Cure: "max_uses": 5, say`,
  );
}

/** What bounds an output, or else the context does: some servers take -1 or nothing for no limit at all. */
function limit(value: unknown, context_tokens: number): number {
  return isCount(value) ? Math.min(value, context_tokens) : context_tokens;
}

function priceOf(model: unknown, where: string, priceOfModel: PriceOfModel | undefined): Price {
  if (typeof model !== 'string') refuse(where, `expected the name of a model, got ${inWords(model)}`);
  const price = priceOfModel?.(model);
  if (!price) refuse(where, `${model} has no price. Cure: add to config.toml\n${missingPrice(model)}`);
  return price;
}

/** Each rate the highest that so much input can be charged. */
function dearest(price: Price, input_tokens: number, ttl: Survey['ttl']): Price {
  const bands = price.long && input_tokens > price.long.above ? [price, price.long] : [price];
  const { long: _, ...base } = price;
  return {
    ...base,
    output: Math.max(...bands.map(({ output }) => output)),
    input: Math.max(
      ...bands.flatMap(({ input, read, write_5m, write_1h }) => {
        if (ttl === null) return [input];
        return ttl === '1h' ? [input, read, write_5m, write_1h] : [input, read, write_5m];
      }),
    ),
  };
}

type Tool = Record<string, unknown>;

/** What a request holds beside its text. */
type Survey = {
  /** Base64, which is not read as text. */
  media_bytes: number;
  images: number;
  /** Those that are no text of this body: PDFs, and what is elsewhere. */
  documents: number;
  inline_documents: number;
  document_bytes: number;
  thread: boolean;
  tools: Tool[];
  /** The longest that anything is asked to be cached for. */
  ttl: '5m' | '1h' | null;
};

/** Values in which a caller may write whatever it likes, to be read as text. */
const FREE_FORM = new Set(['input', 'input_schema', 'input_examples', 'output_config', 'output_format']);

/** Looks through the whole request, without recursion: how deep it is nested is its sender's choice. */
function survey(request: Record<string, unknown>): Survey {
  const found: Survey = {
    media_bytes: 0,
    images: 0,
    documents: 0,
    inline_documents: 0,
    document_bytes: 0,
    thread: isObject(request.thread),
    tools: [],
    ttl: null,
  };
  if (Array.isArray(request.tools)) for (const tool of request.tools) found.tools.push(toolOf(tool));
  const open: unknown[] = [request];
  while (open.length > 0) {
    const value = open.pop();
    if (Array.isArray(value)) for (const item of value) open.push(item);
    if (!isObject(value)) continue;
    if (value.type === 'image') image(found, value.source);
    else if (value.type === 'document') document(found, value.source);
    // A conversation may add tools on its way.
    else if (value.type === 'tool_definition') found.tools.push(toolOf(value.definition));
    for (const key in value) {
      const inner = value[key];
      if (typeof inner !== 'object' || FREE_FORM.has(key)) continue;
      if ((key === 'cache_control' || key === 'caching') && isObject(inner)) {
        if (found.ttl !== '1h') found.ttl = inner.ttl === '1h' ? '1h' : '5m';
      } else open.push(inner);
    }
  }
  return found;
}

function image(found: Survey, source: unknown): void {
  found.images += 1;
  if (isObject(source) && source.type === 'base64') found.media_bytes += length(source.data);
}

function document(found: Survey, source: unknown): void {
  if (!isObject(source) || source.type === 'text' || source.type === 'content') return;
  found.documents += 1;
  if (source.type !== 'base64') return;
  const bytes = length(source.data);
  found.inline_documents += 1;
  found.media_bytes += bytes;
  found.document_bytes += bytes * 0.75;
}

const length = (data: unknown) => (typeof data === 'string' ? data.length : 0);

const toolOf = (tool: unknown): Tool => (isObject(tool) ? tool : { type: String(tool) });

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

const inWords = (value: unknown) => (value === undefined ? 'none' : JSON.stringify(value).slice(0, 100));

const NO_BOUND = 'what it costs has no bound, so no budget can be kept';

function refuse(where: string, what: string): never {
  throw new ApiError('invalid_request_error', `router: ${where}: ${what}`);
}
