/** How all is, at a glance. */

import { html } from 'hono/html';
import { services } from '#shared/manifest.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import type { Page } from '../page.ts';
import { ago, bytes, card, table } from '../ui.ts';

export const overview: Page = {
  path: '',
  name: 'Overview',
  async show({ ctx }) {
    const now = ctx.clock.now();
    const beats = await ctx.store.read(heartbeat.all);
    const rows = services.map(({ name, memory_mb }) => {
      const beat = beats.find((one) => one.service === name && one.worker === 0);
      return [
        name,
        beat?.phase ?? 'never started',
        beat ? ago(beat.beat_at, now) : null,
        beat ? `${bytes(beat.rss_bytes)} of ${memory_mb} MB` : null,
      ];
    });
    const columns = [
      { head: 'service' },
      { head: 'phase' },
      { head: 'last beat' },
      { head: 'memory', number: true },
    ] as const;
    return { body: html`${card('Services', table(columns, rows, ''), { id: 'services' })}` };
  },
};
