/** Changes config.toml so that it is in order afterwards, or not at all. */

import { checkConfig } from '#shared/runtime/config.ts';
import type { Home } from '#shared/runtime/home.ts';
import { sections } from '../../sections.ts';
import { replace } from '../replace.ts';

export function editConfig(home: Home, change: (text: string) => string): void {
  replace(home.config, change, (part) => checkConfig(part, sections));
}
