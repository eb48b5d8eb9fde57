/** Asks for a secret without showing it, and makes the file of it that `credentials/` holds. */

import { isCancel, password } from '@clack/prompts';

const questions: { [name: string]: { variable: string; message: string } } = {
  'telegram.env': {
    variable: 'TELEGRAM_BOT_TOKEN',
    message: 'The token of the Telegram bot, from @BotFather (nothing: without Telegram)',
  },
  'anthropic.env': {
    variable: 'ANTHROPIC_API_KEY',
    message: 'The key for the Anthropic API (nothing: a rehearsal model answers)',
  },
};

/** Null when there is nothing to keep. */
export async function askSecret(name: string): Promise<string | null> {
  const question = questions[name];
  if (!question) return null;
  const answer = await password({ message: question.message });
  if (isCancel(answer) || !answer?.trim()) return null;
  return `${question.variable}=${answer.trim()}\n`;
}
