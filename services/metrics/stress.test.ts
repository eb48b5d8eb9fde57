/** Started and stopped again and again, it leaves nothing behind. */

import { stress } from '#shared/testing/stress.ts';
import { metrics } from './service.ts';

stress(metrics);
