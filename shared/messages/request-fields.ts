/**
 * The fields of a request, each with the shape that the API takes. Shapes are reported in the API's order; a field
 * that the version of the API, or the want of a beta header, closes is refused like one that never was.
 */

import type { MessageCreateParamsBase } from '@anthropic-ai/sdk/resources/messages';
import {
  anything,
  boolean,
  both,
  type Fields,
  fields,
  fraction,
  integer,
  isObject,
  list,
  object,
  oneOf,
  orNull,
  refuse,
  type Shape,
  string,
  stringOr,
  tagged,
} from './shape.ts';

/** The body of POST /v1/messages. The sampling fields exist in API version 2023-06-01 only. */
export type MessagesRequest = MessageCreateParamsBase & {
  temperature?: number;
  top_p?: number;
  top_k?: number;
};

export const versions = ['2023-06-01', '2026-10-21'] as const;

/** The version of the API a request speaks, and the beta features it asks for. Either changes what is allowed. */
export type Dialect = { version: (typeof versions)[number]; betas: readonly string[] };

const maybe = (shape: Shape) => ({ optional: shape });
const maybeNull = (shape: Shape) => ({ optional: orNull(shape) });

const notNegative: Shape = (value, at) => {
  if ((value as number) < 0) refuse(`${at}: must be greater than or equal to 0`);
};
const notEmpty: Shape = (value, at) => {
  if (value === '') refuse(`${at}: String should have at least 1 character`);
};
const atMost = (length: number): Shape => {
  return (value, at) => {
    if ((value as string).length > length) refuse(`${at}: String should have at most ${length} characters`);
  };
};
const matching = (pattern: RegExp): Shape => {
  return (value, at) => {
    if (!pattern.test(value as string)) refuse(`${at}: String should match pattern '${pattern.source}'`);
  };
};
const identifier = both(string, matching(/^[a-zA-Z0-9_-]+$/));
const toolName = both(both(string, notEmpty), both(atMost(128), matching(/^[a-zA-Z0-9_-]{1,128}$/)));
const thinkingBudget: Shape = (value, at) => {
  if ((value as number) < 1024) refuse(`${at}: Input should be greater than or equal to 1024`);
};

const cache_control = maybeNull(
  tagged({ ephemeral: fields({ type: anything, ttl: maybe(oneOf('5m', '1h')) }) }),
);

const text = fields({ type: anything, text: string, cache_control, citations: maybeNull(list(object)) });
const url = fields({ type: anything, url: string });
const file = fields({ type: anything, file_id: string });
const base64 = (...media_types: string[]) =>
  fields({ type: anything, data: string, media_type: oneOf(...media_types) });
const image = fields({
  type: anything,
  source: tagged({ base64: base64('image/jpeg', 'image/png', 'image/gif', 'image/webp'), url, file }),
  cache_control,
  transformations: maybeNull(object),
});
const document = fields({
  type: anything,
  source: tagged({
    base64: base64('application/pdf'),
    text: fields({ type: anything, data: string, media_type: oneOf('text/plain') }),
    content: fields({ type: anything, content: stringOr(list(tagged({ text, image }))) }),
    url,
    file,
  }),
  cache_control,
  citations: maybeNull(object),
  context: maybeNull(string),
  title: maybeNull(string),
});
const search_result = fields({
  type: anything,
  content: list(tagged({ text })),
  source: string,
  title: string,
  cache_control,
  citations: maybe(object),
});

/** Every block a message may hold. What server tools leave behind is passed back as it came, so it is not looked into. */
const block = tagged({
  text,
  image,
  document,
  search_result,
  thinking: fields({ type: anything, signature: string, thinking: string }),
  redacted_thinking: fields({ type: anything, data: string }),
  tool_use: fields({
    type: anything,
    id: identifier,
    input: object,
    name: both(string, notEmpty),
    cache_control,
    caller: maybe(object),
    toolset_name: maybeNull(string),
  }),
  tool_result: fields({
    type: anything,
    tool_use_id: identifier,
    cache_control,
    content: maybe(
      stringOr(
        list(tagged({ text, image, search_result, document, tool_reference: object, browser_state: object })),
      ),
    ),
    is_error: maybe(boolean),
    toolset_name: maybeNull(string),
  }),
  server_tool_use: object,
  web_search_tool_result: object,
  web_fetch_tool_result: object,
  code_execution_tool_result: object,
  bash_code_execution_tool_result: object,
  text_editor_code_execution_tool_result: object,
  tool_search_tool_result: object,
  container_upload: object,
});

const role: Shape = (value) => {
  if (value !== 'user' && value !== 'assistant' && value !== 'system') {
    refuse(`messages: Unexpected role "${value}". Allowed roles are "user" or "assistant"`);
  }
};
const atLeastOneMessage: Shape = (value) => {
  if (Array.isArray(value) && value.length === 0) refuse('messages: at least one message is required');
};
const messages = both(list(fields({ role, content: stringOr(list(block)) })), atLeastOneMessage);

const custom = fields({
  type: maybeNull(anything),
  name: toolName,
  input_schema: fields(
    { type: oneOf('object'), properties: maybeNull(object), required: maybeNull(list(string)) },
    'open',
  ),
  description: maybe(string),
  cache_control,
  allowed_callers: maybe(list(string)),
  defer_loading: maybe(boolean),
  eager_input_streaming: maybeNull(boolean),
  input_examples: maybe(list(object)),
  strict: maybe(boolean),
});
const builtInTool =
  /^(bash|browser_toolset|code_execution|computer_toolset|memory|text_editor|tool_search_tool_(bm25|regex)|web_fetch|web_search)(_\d{8})?$/;

const tool: Shape = (value, at) => {
  if (!isObject(value)) refuse(`${at}: Input should be an object`);
  const { type } = value;
  if (type === undefined || type === null || type === 'custom') custom(value, `${at}.custom`);
  else if (typeof type !== 'string' || !builtInTool.test(type)) {
    refuse(`${at}: Input tag '${type}' found using 'type' does not match any of the expected tags`);
  }
};

const parallel = { type: anything, disable_parallel_tool_use: maybe(boolean) };
const tool_choice = tagged({
  auto: fields(parallel),
  any: fields(parallel),
  tool: fields({ ...parallel, name: string }),
  none: fields({ type: anything }),
});

const display = maybeNull(oneOf('summarized', 'omitted'));
const thinking = tagged({
  adaptive: fields({ type: anything, display }),
  between_tools: fields({ type: anything }),
  disabled: fields({ type: anything }),
  enabled: fields({ type: anything, budget_tokens: both(integer, thinkingBudget), display }),
});

const output_config = fields({
  effort: maybeNull(oneOf('low', 'medium', 'high', 'xhigh', 'max')),
  format: maybeNull(tagged({ json_schema: fields({ type: anything, schema: object }) })),
});

const speed = maybeNull(oneOf('standard', 'fast'));

/** What counting tokens and creating a message have in common, in the order in which faults are reported. */
const prompt: Fields = {
  model: both(string, notEmpty),
  tool_choice: maybe(tool_choice),
  tools: maybe(list(tool)),
  messages,
  system: maybe(stringOr(list(tagged({ text })))),
  thinking: maybe(thinking),
  output_config: maybe(output_config),
  cache_control,
};

const creation: Fields = {
  ...prompt,
  max_tokens: both(integer, notNegative),
  metadata: maybeNull(fields({ user_id: maybeNull(string) })),
  stop_sequences: maybeNull(list(string)),
  temperature: maybe(fraction),
  service_tier: maybe(oneOf('auto', 'standard_only')),
  top_k: maybe(both(integer, notNegative)),
  top_p: maybe(fraction),
  stream: maybe(boolean),
  container: maybeNull(stringOr(object)),
  inference_geo: maybeNull(string),
  speed,
  diagnostics: maybeNull(object),
};

/** Fields that exist in one version only, and fields that come with a beta. */
const sampling = ['temperature', 'top_p', 'top_k'];
const beta: Fields = {
  billing_policy: maybe(anything),
  compaction: maybe(anything),
  context_management: maybe(anything),
  fallback_credit_token: maybe(anything),
  fallbacks: maybe(anything),
  mcp_servers: maybe(anything),
  output_format: maybe(anything),
  thread: maybe(anything),
};

export const messagesShape = fields({ ...creation, ...beta });
export const countTokensShape = fields({ ...prompt, speed, ...beta });

export type BatchRequest = { custom_id: string; params: Record<string, unknown> };

const customId = both(both(string, notEmpty), both(atMost(64), matching(/^[a-zA-Z0-9_-]{1,64}$/)));
const batchSize: Shape = (value, at) => {
  const { length } = value as unknown[];
  if (length < 1) refuse(`${at}: List should have at least 1 item after validation, not 0`);
  if (length > 100_000)
    refuse(`${at}: List should have at most 100000 items after validation, not ${length}`);
};

export const batchShape = fields({
  requests: both(list(fields({ custom_id: customId, params: object })), batchSize),
});

export function checkFields(shape: Shape, body: unknown, { version, betas }: Dialect): MessagesRequest {
  if (!isObject(body)) refuse('Input should be an object');
  const closed = [
    ...(version === '2026-10-21' ? sampling : []),
    ...(betas.length === 0 ? Object.keys(beta) : []),
  ].find((field) => body[field] !== undefined);
  if (closed) refuse(`${closed}: Extra inputs are not permitted`);
  shape(body, '');
  return body as unknown as MessagesRequest;
}
