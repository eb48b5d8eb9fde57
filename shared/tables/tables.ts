/** Every table's declaration: what the guard enforces and what a test holds against the migrated schema. */

import { table as call } from './call.ts';
import { table as chat } from './chat.ts';
import { table as heartbeat } from './heartbeat.ts';
import { table as inbound } from './inbound.ts';
import { table as inspection } from './inspection.ts';
import { table as message } from './message.ts';
import type { Table } from './op.ts';
import { table as outbound } from './outbound.ts';
import { table as poller } from './poller.ts';
import { table as step } from './step.ts';
import { table as turn } from './turn.ts';

export const tables: readonly Table[] = [
  call,
  chat,
  heartbeat,
  inbound,
  inspection,
  message,
  outbound,
  poller,
  step,
  turn,
];
