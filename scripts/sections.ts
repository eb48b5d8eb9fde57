/** Each service's section of the config, for those who look at the whole of it. A test holds it against the manifest. */

import type { Section } from '#shared/runtime/setting.ts';
import { config as alerts } from '../services/alerts/config.ts';
import { config as backup } from '../services/backup/config.ts';
import { config as console } from '../services/console/config.ts';
import { config as core } from '../services/core/config.ts';
import { config as cron } from '../services/cron/config.ts';
import { config as memory } from '../services/memory/config.ts';
import { config as metrics } from '../services/metrics/config.ts';
import { config as router } from '../services/router/config.ts';
import { config as telegram } from '../services/telegram/config.ts';
import { config as tools } from '../services/tools/config.ts';
import { config as upstream } from '../services/upstream/config.ts';
import { config as watchdog } from '../services/watchdog/config.ts';

export const sections: Record<string, Section> = {
  router,
  core,
  tools,
  telegram,
  cron,
  watchdog,
  memory,
  upstream,
  metrics,
  alerts,
  console,
  backup,
};
