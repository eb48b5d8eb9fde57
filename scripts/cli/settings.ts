/** The settings that the verbs about money go by. */

import { readConfig } from '#shared/runtime/config.ts';
import type { Home } from '#shared/runtime/home.ts';
import { config as router } from '../../services/router/config.ts';

export function houseConfig(home: Home) {
  const { shared, own } = readConfig(home.config, { name: 'router', section: router });
  return { budget: shared.budget, router: own };
}
