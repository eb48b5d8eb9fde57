/**
 * How the Bot API says no: a status, a description word for word, and parameters that a client may act on.
 * Source of the envelope: telegram-bot-api Query.cpp and HttpConnection.cpp (HTTP status = error_code; a 429
 * carries its wait twice, in `parameters` and in the Retry-After header).
 */

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly retry_after_s: number | undefined;
  readonly migrate_to_chat_id: number | undefined;
  constructor(status: number, description: string, retry_after_s?: number, migrate_to_chat_id?: number) {
    super(description);
    this.status = status;
    this.retry_after_s = retry_after_s;
    this.migrate_to_chat_id = migrate_to_chat_id;
  }
}

/**
 * A 400 for `reason`, spelt as in the source. Its first letter is lowered unless what follows shows a constant
 * such as BUTTON_DATA_INVALID (Client.cpp fail_query_with_error).
 */
export function badRequest(reason: string): Refusal {
  const lowered = /^.[_A-Z]/s.test(reason) ? reason : reason.charAt(0).toLowerCase() + reason.slice(1);
  return new Refusal(400, `Bad Request: ${lowered}`);
}

export function forbidden(reason: string): Refusal {
  return new Refusal(403, `Forbidden: ${reason}`);
}

/** The group is another chat now. */
export function migrated(to_chat_id: number): Refusal {
  const description = 'Bad Request: group chat was upgraded to a supergroup chat';
  return new Refusal(400, description, undefined, to_chat_id);
}

export function tooManyRequests(retry_after_s: number): Refusal {
  return new Refusal(429, `Too Many Requests: retry after ${retry_after_s}`, retry_after_s);
}

/** The HTTP answer that a client sees; `bytes` are the body of a download, instead of JSON. */
export type Answer = {
  status: number;
  body: string;
  retry_after_s?: number | undefined;
  is_html?: boolean;
  bytes?: Buffer;
};

/** A success; `json` is the result, already serialised, so that a batch of updates is not parsed to be printed. */
export function success(json: string, description?: string): Answer {
  const note = description === undefined ? '' : `,"description":${JSON.stringify(description)}`;
  return { status: 200, body: `{"ok":true,"result":${json}${note}}` };
}

export function failure({ status, message, retry_after_s, migrate_to_chat_id }: Refusal): Answer {
  const hint = { retry_after: retry_after_s, migrate_to_chat_id };
  const parameters = (retry_after_s ?? migrate_to_chat_id) === undefined ? {} : { parameters: hint };
  const body = JSON.stringify({ ok: false, error_code: status, description: message, ...parameters });
  return { status, body, retry_after_s };
}
