/**
 * task: a long piece of work: a goal, and a check that says when it is reached. core works at it in iterations, each a
 * turn of its own in the conversation `task:<id>`, until the check passes, or iterations, time or money end. Anyone posts
 * one.
 */

import type { Table } from './op.ts';

export const table: Table = {
  name: 'task',
  about: 'long pieces of work, and how far they are',
  pen: { mailbox: 'core' },
  keeps: '400 days',
};

export type Task = {
  id: number;
  goal: string;
  /** A command that must end well in the sandbox, or a question that must be answered yes. */
  check_kind: 'command' | 'question';
  check_text: string;
  budget_nanousd: number;
  most_iterations: number;
  until_at: number;
  /** Whoever wished it hears of it there. */
  channel: 'telegram' | 'terminal';
  chat: string | null;
  conversation: string;
  sender: string | null;
  state: 'running' | 'paused' | 'held' | 'done' | 'failed' | 'cancelled';
  /** What the present iteration is at. */
  phase: 'work' | 'check';
  iteration: number;
  /** In a row. */
  failures: number;
  /** The turn that works at it now. */
  turn_id: string | null;
  spent_nanousd: number;
  /** What came of the last iteration, or why it ended, in words. */
  note: string | null;
  created_at: number;
  changed_at: number;
  finished_at: number | null;
};
