/**
 * The reference of bench/latency: the bot that one writes in an afternoon. grammY's own poller, the official SDK
 * straight to the model, nothing stored, nothing kept: whatever dies, dies with it.
 */

import { Anthropic } from '@anthropic-ai/sdk';
import { Bot } from 'grammy';

const [, , token = '', apiRoot = '', apiKey = '', baseURL = ''] = process.argv;
const model = new Anthropic({ apiKey, baseURL, maxRetries: 0 });
const bot = new Bot(token, { client: { apiRoot } });
bot.on('message:text', async (ctx) => {
  const messages = [{ role: 'user' as const, content: ctx.message.text }];
  const answer = await model.messages
    .stream({ model: 'claude-sonnet-5-5', max_tokens: 4096, messages })
    .finalMessage();
  const text = answer.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
  await ctx.reply(text);
});
await bot.start({ onStart: () => console.log('ready') });
