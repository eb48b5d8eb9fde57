/** What stands in config.toml, and what follows from it. */

import { existsSync } from 'node:fs';
import { PRICE_REV } from '#shared/base/models.ts';
import { checkConfig, readSection, shared } from '#shared/runtime/config.ts';
import { sections } from '../../sections.ts';
import { type Check, fine, unseen, warning } from './check.ts';

const DAY_ms = 86_400_000;
const PRICES_days = 90;

export const config: Check = {
  name: 'config',
  run({ home }) {
    checkConfig(home.config, sections);
    return fine('every setting is understood');
  },
};

export const timeZone: Check = {
  name: 'time zone',
  run({ home }) {
    if (!existsSync(home.config)) return unseen('there is no config.toml');
    const { time_zone, quiet } = readSection(home.config, 'owner', shared.owner);
    if (time_zone) return fine(`${time_zone}, quiet ${quiet || 'never'}`);
    const machine = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return warning(
      `none is set: it is what the machine says, ${machine}`,
      `[owner] time_zone = "${machine}" in ${home.config}`,
    );
  },
};

export const prices: Check = {
  name: 'prices',
  run({ now }) {
    const days = Math.floor((now - Date.parse(PRICE_REV)) / DAY_ms);
    if (days <= PRICES_days) return fine(`as of ${PRICE_REV}`);
    return warning(
      `${days} days old (${PRICE_REV}): budgets reckon with them`,
      'upgrade Vigil, or set them: [router.prices."model"] in config.toml',
    );
  },
};
