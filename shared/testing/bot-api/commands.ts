/**
 * The list of commands in a bot's menu.
 * Sources: telegram-bot-api Client.cpp get_bot_commands, TDLib BotCommand.cpp set_commands, Bot API: setMyCommands.
 */

import type { BotCommand } from 'grammy/types';
import { badRequest } from './refusal.ts';
import { type Args, isObject, Malformed, parsed, parseJson, textField } from './request.ts';

export function readCommands(args: Args): BotCommand[] {
  const list = parseJson(args.get('commands') || '[]');
  if (list === undefined) throw badRequest("Can't parse commands JSON object");
  if (!Array.isArray(list)) throw badRequest('Expected an Array of BotCommand');
  const raw = parsed("Can't parse BotCommand: ", () => list.map(readCommand));
  const language = args.get('language_code') ?? '';
  if (language !== '' && !/^[a-z]{2}$/.test(language)) throw badRequest('Invalid language code specified');
  const commands = raw.map(checkCommand);
  if (commands.length > 100) throw badRequest('BOT_COMMANDS_TOO_MUCH');
  if (!commands.every(({ command }) => /^[a-z0-9_]+$/.test(command))) throw badRequest('BOT_COMMAND_INVALID');
  return commands;
}

/** Each scope and language has a list of its own. */
export const commandScope = (args: Args) => `${args.get('scope') ?? ''} ${args.get('language_code') ?? ''}`;

function readCommand(value: unknown): BotCommand {
  if (!isObject(value)) throw new Malformed('expected an Object');
  return { command: textField(value, 'command'), description: textField(value, 'description') };
}

function checkCommand(raw: BotCommand): BotCommand {
  const command = raw.command.trim().replace(/^\//, '');
  const description = raw.description.trim();
  if (command === '') throw badRequest('Command must be non-empty');
  if ([...command].length > 32) throw badRequest('Command length must not exceed 32');
  if (description === '') throw badRequest('Command description must be non-empty');
  if ([...description].length > 256) throw badRequest('Command description length must not exceed 256');
  return { command, description };
}
