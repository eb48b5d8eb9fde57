/** The pages, in the order of the navigation. */

import type { Page } from './page.ts';
import { access } from './pages/access.ts';
import { alerts } from './pages/alerts.ts';
import { approvals } from './pages/approvals.ts';
import { chat } from './pages/chat.ts';
import { costs } from './pages/costs.ts';
import { decision } from './pages/decision.ts';
import { decisions } from './pages/decisions.ts';
import { exchange } from './pages/exchange.ts';
import { halt } from './pages/halt.ts';
import { logs } from './pages/logs.ts';
import { memory } from './pages/memory.ts';
import { overview } from './pages/overview.ts';
import { queue } from './pages/queue.ts';
import { releases } from './pages/releases.ts';
import { schedules } from './pages/schedules.ts';
import { upstream } from './pages/upstream.ts';

export const pages: readonly Page[] = [
  overview,
  chat,
  decisions,
  approvals,
  queue,
  schedules,
  memory,
  costs,
  alerts,
  upstream,
  logs,
  releases,
  // Reached from others alone.
  halt,
  decision,
  exchange,
  access,
];
