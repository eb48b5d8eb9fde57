/** cron has no settings of its own. */

import { section } from '#shared/runtime/setting.ts';

export const config = section({});
