/** The tools that there are without any server. */

import { runCommand } from './command.ts';
import { fetchUrl } from './fetch.ts';
import { editFile, listFiles, readFile, searchFiles, writeFile } from './file.ts';
import { findTools } from './find.ts';
import { forget, recall, remember } from './memory.ts';
import { askOwner, proposePersona, sendFile } from './owner.ts';
import type { Tool } from './registry.ts';
import { scheduleChange, scheduleCreate, scheduleDelete, scheduleList } from './schedule.ts';
import { skill } from './skill.ts';

export const builtIn: readonly Tool[] = [
  runCommand,
  readFile,
  writeFile,
  editFile,
  listFiles,
  searchFiles,
  fetchUrl,
  findTools,
  askOwner,
  sendFile,
  scheduleCreate,
  scheduleList,
  scheduleChange,
  scheduleDelete,
  remember,
  recall,
  forget,
  skill,
  proposePersona,
];
