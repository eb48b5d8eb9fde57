/** Started and stopped again and again, it leaves nothing behind. */

import { stress } from '#shared/testing/stress.ts';
import { webConsole } from './service.ts';

stress(webConsole);
