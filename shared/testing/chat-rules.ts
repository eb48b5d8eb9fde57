/**
 * A request to Chat Completions, judged as strictly as OpenAI judges it, in its own sentences.
 * Sources: openai-node, resources/chat/completions; OpenAI API docs, "Structured outputs", "Function calling",
 * "Reasoning models"; the API's own replies as quoted in public issue reports.
 */

import { isObject } from '#shared/messages/shape.ts';

type Json = Record<string, unknown>;

export type ChatRequest = Json & { model: string; messages: Json[]; stream?: boolean };

/** An error in OpenAI's envelope. */
export class ChatError extends Error {
  override readonly name = 'ChatError';
  readonly status: number;
  readonly code: string | null;
  readonly type: string;
  readonly param: string | null;

  constructor(
    status: number,
    message: string,
    how: { code?: string | null; type?: string; param?: string | null } = {},
  ) {
    super(message);
    this.status = status;
    this.code = how.code ?? null;
    this.type = how.type ?? 'invalid_request_error';
    this.param = how.param ?? null;
  }

  envelope() {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }
}

function refuse(message: string, param: string | null = null, code: string | null = null): never {
  throw new ChatError(400, message, { param, code });
}

const known = new Set(
  `audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages
  metadata modalities model n parallel_tool_calls prediction presence_penalty prompt_cache_key
  prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream
  stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options`.split(
    /\s+/,
  ),
);

/** Models that reason take other parameters than those that do not. */
const reasons = (model: string) => /^(o\d|gpt-5)/.test(model);

export function checkChat(body: unknown): ChatRequest {
  if (!isObject(body)) refuse('We could not parse the JSON body of your request.');
  if (typeof body.model !== 'string') refuse('you must provide a model parameter');
  const unknown = Object.keys(body).filter((key) => !known.has(key));
  if (body.reasoning_effort !== undefined && !reasons(body.model)) unknown.push('reasoning_effort');
  if (unknown.length > 0) {
    const s = unknown.length > 1 ? 's' : '';
    refuse(`Unrecognized request argument${s} supplied: ${unknown.join(', ')}`);
  }
  const { messages } = body;
  if (!Array.isArray(messages) || messages.length === 0) {
    refuse("Invalid 'messages': expected an array with minimum length 1.", 'messages');
  }
  for (const [index, message] of messages.entries()) checkMessage(message, `messages[${index}]`);
  checkAnswered(messages);
  checkTools(body);
  checkParameters(body, body.model);
  return body as ChatRequest;
}

const partTypes: Record<string, readonly string[]> = {
  system: ['text'],
  developer: ['text'],
  user: ['text', 'image_url', 'input_audio', 'file'],
  assistant: ['text', 'refusal'],
  tool: ['text'],
};

function checkMessage(message: unknown, at: string): void {
  if (!isObject(message)) refuse(`Invalid type for '${at}': expected an object.`, at);
  const { role, content, tool_calls, tool_call_id } = message;
  const types = partTypes[String(role)];
  if (!types) {
    const roles = Object.keys(partTypes).join("', '");
    refuse(`Invalid value: '${role}'. Supported values are: '${roles}'.`, `${at}.role`, 'invalid_value');
  }
  if (role === 'tool' && typeof tool_call_id !== 'string') {
    refuse(`Missing required parameter: '${at}.tool_call_id'.`, at, 'missing_required_parameter');
  }
  if (role === 'assistant' && tool_calls !== undefined) checkCalls(tool_calls, `${at}.tool_calls`);
  const may_lack = role === 'assistant' && tool_calls !== undefined;
  if ((content === null || content === undefined) && may_lack) return;
  if (typeof content === 'string') return;
  if (!Array.isArray(content) || content.length === 0) {
    refuse(
      `Invalid value for 'content': expected a string, got ${content === undefined ? 'nothing' : JSON.stringify(content)}.`,
      `${at}.content`,
    );
  }
  for (const [index, part] of content.entries()) checkPart(part, types, `${at}.content[${index}]`);
}

function checkPart(part: unknown, types: readonly string[], at: string): void {
  const type = isObject(part) ? part.type : undefined;
  if (!isObject(part) || typeof type !== 'string' || !types.includes(type)) {
    refuse(
      `Invalid value: '${type}'. Supported values are: '${types.join("', '")}'.`,
      `${at}.type`,
      'invalid_value',
    );
  }
  if (type === 'text' && typeof part.text !== 'string')
    refuse(`Missing required parameter: '${at}.text'.`, at);
  if (type === 'image_url') {
    const url = isObject(part.image_url) ? String(part.image_url.url) : '';
    if (!/^(https?:\/\/|data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*$)/.test(url)) {
      refuse(`Invalid '${at}.image_url.url'. Expected a valid URL.`, `${at}.image_url.url`, 'invalid_value');
    }
  }
  if (type === 'file') {
    const { file_data, filename, file_id } = isObject(part.file) ? part.file : {};
    const whole = typeof filename === 'string' && /^data:application\/pdf;base64,/.test(String(file_data));
    if (!whole && typeof file_id !== 'string')
      refuse(`Missing required parameter: '${at}.file.file_id'.`, at);
  }
}

const functionName = /^[a-zA-Z0-9_-]{1,64}$/;

function checkCalls(calls: unknown, at: string): void {
  if (!Array.isArray(calls) || calls.length === 0) {
    refuse(`Invalid '${at}': empty array. Expected an array with minimum length 1.`, at, 'empty_array');
  }
  for (const [index, call] of calls.entries()) {
    const called = isObject(call) && isObject(call.function) ? call.function : undefined;
    const right =
      called &&
      isObject(call) &&
      typeof call.id === 'string' &&
      call.type === 'function' &&
      functionName.test(String(called.name)) &&
      typeof called.arguments === 'string';
    if (!right) refuse(`Invalid value for '${at}[${index}]'.`, `${at}[${index}]`);
  }
}

/** Every call has its answer right after it, and no answer stands alone. */
function checkAnswered(messages: Json[]): void {
  let open = new Set<unknown>();
  for (const [index, { role, tool_calls, tool_call_id }] of [
    ...messages,
    { role: 'end' } as Json,
  ].entries()) {
    if (role === 'tool') {
      if (!open.delete(tool_call_id)) {
        refuse(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          `messages.[${index}].role`,
        );
      }
      continue;
    }
    if (open.size > 0) {
      refuse(
        `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(', ')}`,
        `messages.[${index}].role`,
      );
    }
    open = new Set(Array.isArray(tool_calls) ? tool_calls.map((call) => call.id) : []);
  }
}

function checkTools({ tools, tool_choice, parallel_tool_calls }: Json): void {
  if (tools === undefined) {
    for (const [name, value] of Object.entries({ tool_choice, parallel_tool_calls })) {
      if (value === undefined) continue;
      refuse(`Invalid value for '${name}': '${name}' is only allowed when 'tools' are specified.`, name);
    }
    return;
  }
  if (!Array.isArray(tools) || tools.length === 0) {
    refuse("Invalid 'tools': empty array. Expected an array with minimum length 1.", 'tools', 'empty_array');
  }
  const names = tools.map((tool, index) => {
    const defined =
      isObject(tool) && tool.type === 'function' && isObject(tool.function) ? tool.function : {};
    const { name, parameters, strict } = defined;
    if (!functionName.test(String(name))) {
      refuse(`Invalid 'tools[${index}].function.name'.`, `tools[${index}].function.name`, 'invalid_value');
    }
    if (strict) checkStrict(parameters, `function '${name}'`);
    return name;
  });
  const chosen =
    isObject(tool_choice) && isObject(tool_choice.function) ? tool_choice.function.name : tool_choice;
  const choices = isObject(tool_choice) ? names : [undefined, 'none', 'auto', 'required'];
  if (!choices.includes(chosen)) {
    refuse(`Invalid value for 'tool_choice': '${chosen}'.`, 'tool_choice', 'invalid_value');
  }
}

/** Strict schemas close every object and require every property. */
function checkStrict(schema: unknown, of: string, context = '()'): void {
  if (!isObject(schema)) return;
  if (schema.type === 'object') {
    if (schema.additionalProperties !== false) {
      refuse(
        `Invalid schema for ${of}: In context=${context}, 'additionalProperties' is required to be supplied and to be false.`,
      );
    }
    const properties = isObject(schema.properties) ? schema.properties : {};
    const required: unknown[] = Array.isArray(schema.required) ? schema.required : [];
    for (const [key, inner] of Object.entries(properties)) {
      if (!required.includes(key)) {
        refuse(
          `Invalid schema for ${of}: In context=${context}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${key}'.`,
        );
      }
      checkStrict(inner, of, `('properties', '${key}')`);
    }
  }
  checkStrict(schema.items, of, "('items')");
}

function checkParameters(body: Json, model: string): void {
  const { max_tokens, max_completion_tokens, temperature = 1, top_p = 1, stop, user } = body;
  if (max_tokens !== undefined && max_completion_tokens !== undefined) {
    refuse("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
  }
  for (const [name, value] of Object.entries({ max_tokens, max_completion_tokens })) {
    if (value !== undefined && !(Number.isInteger(value) && Number(value) >= 1)) {
      refuse(`Invalid '${name}': integer below minimum value. Expected a value >= 1.`, name);
    }
  }
  for (const [name, value, most] of [
    ['temperature', temperature, 2],
    ['top_p', top_p, 1],
  ] as const) {
    if (typeof value !== 'number' || value < 0 || value > most) {
      refuse(`Invalid '${name}': expected a decimal between 0 and ${most}.`, name);
    }
  }
  if (reasons(model)) {
    if (max_tokens !== undefined) {
      refuse(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        'max_tokens',
        'unsupported_parameter',
      );
    }
    if (temperature !== 1) {
      refuse(
        `Unsupported value: 'temperature' does not support ${temperature} with this model. Only the default (1) value is supported.`,
        'temperature',
        'unsupported_value',
      );
    }
  }
  const efforts = [undefined, 'none', 'minimal', 'low', 'medium', 'high', 'xhigh'];
  if (!efforts.includes(body.reasoning_effort as string | undefined)) {
    refuse(`Unsupported value: '${body.reasoning_effort}'.`, 'reasoning_effort', 'unsupported_value');
  }
  if (Array.isArray(stop) && stop.length > 4) {
    refuse("Invalid 'stop': array too long. Expected an array with maximum length 4.", 'stop');
  }
  if (typeof user === 'string' && user.length > 64) {
    refuse("Invalid 'user': string too long. Expected a string with maximum length 64.", 'user');
  }
  if (body.stream_options !== undefined && body.stream !== true) {
    refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options');
  }
  const format = isObject(body.response_format) ? body.response_format : undefined;
  if (format?.type === 'json_schema') {
    const { name, schema, strict } = isObject(format.json_schema) ? format.json_schema : {};
    if (!functionName.test(String(name))) {
      refuse("Missing required parameter: 'response_format.json_schema.name'.", 'response_format');
    }
    if (strict) checkStrict(schema, `response_format '${name}'`);
  }
}
