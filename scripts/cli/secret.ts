/** Asks for a secret without showing it. */

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

/** Null when nothing was typed, or it was cancelled. */
export async function askHidden(message: string): Promise<string | null> {
  const answer = await password({ message, mask: '•' });
  return isCancel(answer) || !answer?.trim() ? null : answer.trim();
}

/** The line of the file that `credentials/` holds; null when there is nothing to keep. */
export async function askSecret(name: string): Promise<string | null> {
  const question = questions[name];
  if (!question) return null;
  const answer = await askHidden(question.message);
  return answer && `${question.variable}=${answer}\n`;
}
