/** What is chosen for a conversation: that it begins anew (/new), and what answers in it (/model). */

import { readFileSync } from 'node:fs';
import { codeOf } from '#shared/base/errors.ts';
import { httpFetch } from '#shared/base/fetch.ts';
import { socketOf } from '#shared/runtime/home.ts';
import * as conversation from '#shared/tables/conversation.ts';
import { type Act, type Desk, only } from './control.ts';

export const fresh: Act = ({ clock }, press) => ({
  outcome: 'refreshed',
  tell: 'We begin anew: what was said here before is not told to the model any more. What I remember, I still do.',
  ops: [conversation.refresh(press.conversation, clock.now())],
});

/** The word for what the config says. */
const USUAL = 'usual';
/** Those that every router has, by tier. */
const TIERS = { fast: ['quick', 'classify'], standard: ['default', 'write'], complex: ['deep', 'review'] };
const ALIASES = Object.entries(TIERS)
  .map(([tier, names]) => `${names.join(', ')} (${tier})`)
  .join('\n');
/** /stop may wait behind this question. */
const PATIENCE_ms = 500;

export const model: Act = async (desk, press, rest) => {
  const { store, clock, shared } = desk;
  const [chosen] = await store.read(conversation.of(press.conversation));
  const usual = shared.model.name;
  if (rest === '') {
    const present = chosen?.alias ?? usual;
    return only(
      'told',
      `${present} answers here.\n\n${ALIASES}\n\n/model <name> chooses one, also a model by its own name; /model ${USUAL} goes back to ${usual}.`,
    );
  }
  if (rest === USUAL) {
    return {
      outcome: 'usual',
      tell: `${usual} answers here again.`,
      ops: [conversation.choose(press.conversation, null, clock.now())],
    };
  }
  if (!/^[\w.:/@-]{1,100}$/.test(rest)) return only('unknown', `That is no model's name.\n\n${ALIASES}`);
  // Of another provider's models, `provider/model`, the router has no list.
  const known = rest.includes('/') || Object.values(TIERS).flat().includes(rest);
  if (!known && (await isUnknown(desk, rest))) {
    return only('unknown', `The router knows no '${rest}'. It has:\n${ALIASES}`);
  }
  return {
    outcome: 'chosen',
    tell: `From now on ${rest} answers here.`,
    ops: [conversation.choose(press.conversation, rest, clock.now())],
  };
};

/** Only a router that says so counts: one that is away is no reason to refuse. */
async function isUnknown({ home }: Desk, name: string): Promise<boolean> {
  const ask = httpFetch({ socketPath: socketOf(home, 'router') });
  try {
    const path = `http://router/v1/models/${encodeURIComponent(name)}`;
    const answer = await ask(path, {
      headers: { 'x-api-key': 'suite', 'anthropic-version': '2023-06-01' },
      signal: AbortSignal.timeout(PATIENCE_ms),
    });
    await answer.text();
    return answer.status === 404;
  } catch {
    return false; // the next message comes upon the same router, and its sender is told
  }
}

/** /persona: the standing instructions, as they are. */
export const persona: Act = ({ home }) => {
  const how = `They lie in ${home.persona}: change them there, or ask me to propose a change.`;
  try {
    const text = readFileSync(home.persona, 'utf8').trim();
    return only('told', text === '' ? `There are no standing instructions. ${how}` : `${text}\n\n${how}`);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return only('told', `There are no standing instructions. ${how}`);
  }
};
