/** The pages, in the order of the navigation. */

import type { Page } from './page.ts';
import { queue } from './pages/queue.ts';

export const pages: readonly Page[] = [queue];
