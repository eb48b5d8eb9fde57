/** What `auto` means: the alias for the task type that the caller gives, or what a look at the request suggests. Pure. */

/** The model name that leaves the choice to the router. */
export const AUTO = 'auto';

/** The alias for everything that nothing better is known of. */
const STANDARD = 'default';
const QUICK = 'quick';

/** A question is short when all of it is shorter than so much, and its answer may be no longer than that. */
const SHORT = { chars: 1000, max_tokens: 1024 };

/**
 * With a task type: its alias, `default` for an unknown one. Without: `quick` for a short question of one message, with
 * no tools and no images; `default` for all else. Never the complex tier: nobody has asked for it.
 */
export function taskAlias(
  tasks: Readonly<Record<string, string>>,
  task: string | null,
  request: Record<string, unknown>,
): string {
  if (task !== null) return Object.hasOwn(tasks, task) ? (tasks[task] ?? STANDARD) : STANDARD;
  const { messages, tools, thinking, max_tokens } = request;
  if (Array.isArray(tools) && tools.length > 0) return STANDARD;
  if (thinking !== undefined || !Array.isArray(messages) || messages.length > 1) return STANDARD;
  if (typeof max_tokens !== 'number' || max_tokens > SHORT.max_tokens) return STANDARD;
  const chars = charsIn(messages[0]?.content) + charsIn(request.system ?? '');
  return chars <= SHORT.chars ? QUICK : STANDARD;
}

/** What is not plain text, an image say, is never short. */
function charsIn(content: unknown): number {
  if (typeof content === 'string') return content.length;
  if (!Array.isArray(content)) return Number.POSITIVE_INFINITY;
  return content.reduce(
    (sum, block) => sum + (block?.type === 'text' ? String(block.text).length : Number.POSITIVE_INFINITY),
    0,
  );
}
