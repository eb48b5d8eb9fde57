/** Gathers the facts about a call, for the policy to judge, and what its owner has granted. */

import * as approval from '#shared/tables/approval.ts';
import * as attachment from '#shared/tables/attachment.ts';
import type { Part } from '#shared/tables/inbound.ts';
import * as message from '#shared/tables/message.ts';
import * as permission from '#shared/tables/permission.ts';
import * as share from '#shared/tables/share.ts';
import * as slot from '#shared/tables/slot.ts';
import * as step from '#shared/tables/step.ts';
import * as taint from '#shared/tables/taint.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import { forgottenBy } from './memory.ts';
import { placeOf, verdictAt } from './place.ts';
import type { Allowed, Call, Facts, Tool, Tools, Verdict } from './registry.ts';

/** A page of results, and a few before it. */
const MOST_SEARCHES = 10;

export async function judge(ctx: Tools, tool: Tool, call: Call): Promise<Verdict> {
  const { store, config, home } = ctx;
  const taints = (await store.read(taint.ofTurn(call.turn_id))).map(({ source }) => source);
  const facts: Facts = {
    home,
    ...(await openTo(ctx, call)),
    tainted: taints.length > 0,
    forgotten: (what) => forgottenBy(ctx, call, what),
  };
  const permissions = await store.read(permission.inForce);
  // The reader of command lines is not loaded before the first call.
  const { verdictOn } = await import('./policy.ts');
  const verdict = verdictOn({
    tool: tool.name,
    input: call.input,
    about: tool.about(call.input),
    own: await tool.policy(call.input, facts),
    settings: config,
    permissions: permissions.map(({ tool, rule_json }) => ({ tool, rule: JSON.parse(rule_json) })),
    taints,
    known: tool.name === 'fetch_url' ? await known(ctx, call) : [],
    workspace: home.workspace,
    at: (path, reach) => verdictAt(placeOf(path, home), reach, facts),
  });
  if (verdict.do !== 'ask') return verdict;
  const given = await givenTo(ctx, tool, call);
  if (given && covers(given, verdict.grants, config.allowed_hosts))
    return { do: 'allow', grants: verdict.grants };
  if (call.approval_id === null) return verdict;
  const [asked] = await store.read(approval.of(call.approval_id));
  // What was granted is what was shown, not what would be asked now.
  if (asked?.state !== 'granted' || asked.grants_json === null) return verdict;
  return { do: 'allow', grants: JSON.parse(asked.grants_json) };
}

/** What the command of a job was allowed when the job was made: nobody is there to be asked at night. */
async function givenTo({ store }: Tools, tool: Tool, call: Call): Promise<Allowed | null> {
  const id = slot.idOf(call.conversation);
  const [job] = id === null || tool.name !== 'run_command' ? [] : await store.read(slot.jobOf(id));
  const same = job?.kind === 'command' && (call.input as { command: string }).command === job.prompt;
  return same && job.grants_json !== null ? JSON.parse(job.grants_json) : null;
}

function covers(given: Allowed, wanted: Allowed, open: readonly string[]): boolean {
  return (
    wanted.hosts.every((host) => open.includes(host) || given.hosts.includes(host)) &&
    wanted.paths.every((path) => given.paths.includes(path))
  );
}

/** Who needs an older file sends it again. */
const LATEST_FILES = 500;

/** What the owner has opened to all, and what came with the messages of the call's own conversation. */
export async function openTo(
  { store }: Pick<Tools, 'store'>,
  { conversation }: Pick<Call, 'conversation'>,
): Promise<Pick<Facts, 'shares' | 'files'>> {
  const [shares, came] = await Promise.all([
    store.read(share.all),
    store.read(attachment.placesOf(conversation, LATEST_FILES)),
  ]);
  return { shares, files: came.map(({ path }) => path) };
}

/** The addresses that the owner has written themselves, and those that searches have brought. */
async function known({ store }: Tools, call: Call): Promise<string[]> {
  const host = URL.parse((call.input as { url: string }).url)?.hostname ?? '';
  // A name in other letters than ASCII is written in them, and looked up in ASCII.
  const needle = host.includes('xn--') ? '' : host;
  const said = (await store.read(message.naming(call.conversation, needle)))
    .filter(
      ({ parts_json }) => !(JSON.parse(parts_json ?? '[]') as Part[]).some(({ kind }) => kind === 'forward'),
    )
    .flatMap(({ text }) => addressesIn(text));
  const searches = await store.read(tool_call.searches(call.conversation, MOST_SEARCHES));
  const searched = searches.flatMap(({ result_json }) => foundIn(JSON.parse(result_json)));
  const steps = await store.read(step.of(call.turn_id));
  return [...said, ...searched, ...steps.flatMap(({ content_json }) => found(JSON.parse(content_json)))];
}

/** Addresses as people write them: what has no scheme is meant as https. */
export function addressesIn(text: string): string[] {
  const words =
    text.match(/(?:https?:\/\/)?[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)+(?::\d+)?(?:[/?#][^\s<>"'`]*)?/giu) ??
    [];
  return words.flatMap((word) => {
    // The end of a sentence, or of a bracket around it, is perhaps none of it.
    const bare = word.replace(/[.,;:!?)\]}*_]+$/, '');
    return [word, bare].map((one) => (/^https?:/i.test(one) ? one : `https://${one}`));
  });
}

/** What a search has found: not what stands in the words that it has found there (see `web_search`). */
function foundIn(content: readonly { text?: string }[]): string[] {
  return content.flatMap(({ text = '' }) => [...text.matchAll(/^url: (\S+)$/gm)].map(([, url = '']) => url));
}

/** What the provider's own search found (Messages API: `web_search_tool_result`). */
function found(content: unknown): string[] {
  if (!Array.isArray(content)) return [];
  return content
    .filter((block) => block.type === 'web_search_tool_result' && Array.isArray(block.content))
    .flatMap((block) => block.content.map(({ url }: { url?: unknown }) => url))
    .filter((url) => typeof url === 'string');
}
