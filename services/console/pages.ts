/** The pages, in the order of the navigation. */

import type { Page } from './page.ts';

export const pages: readonly Page[] = [];
