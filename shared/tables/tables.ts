/** Every table's declaration: what the guard enforces and what a test holds against the migrated schema. */

import { table as accessKey } from './access_key.ts';
import { table as allowance } from './allowance.ts';
import { table as batch } from './batch.ts';
import { table as breaker } from './breaker.ts';
import { table as call } from './call.ts';
import { table as chat } from './chat.ts';
import { table as exchange } from './exchange.ts';
import { table as heartbeat } from './heartbeat.ts';
import { table as inbound } from './inbound.ts';
import { table as incident } from './incident.ts';
import { table as inspection } from './inspection.ts';
import { table as message } from './message.ts';
import type { Table } from './op.ts';
import { table as outbound } from './outbound.ts';
import { table as poller } from './poller.ts';
import { table as press } from './press.ts';
import { table as spend } from './spend.ts';
import { table as step } from './step.ts';
import { table as throttle } from './throttle.ts';
import { table as total } from './total.ts';
import { table as turn } from './turn.ts';

export const tables: readonly Table[] = [
  accessKey,
  allowance,
  batch,
  breaker,
  call,
  chat,
  exchange,
  heartbeat,
  inbound,
  incident,
  inspection,
  message,
  outbound,
  poller,
  press,
  spend,
  step,
  throttle,
  total,
  turn,
];
