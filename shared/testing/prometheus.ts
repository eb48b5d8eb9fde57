/** A real Prometheus (Debian's) that scrapes a house, for as long as a test or a bench lasts. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export const noPrometheus: string | false =
  spawnSync('prometheus', ['--version']).status !== 0 && 'prometheus is not installed';

export type Firing = { alertname: string } & Record<string, string>;

export type RunningPrometheus = {
  /** The labels of the alerts that fire; null as long as it does not answer. */
  firing(): Promise<Firing[] | null>;
  close(): Promise<void>;
};

/** @param folder where its prometheus.yml lies, and what it keeps */
export function startPrometheus(folder: string, port: number): RunningPrometheus {
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn('prometheus', args, { stdio: 'ignore' });
  const closed = once(child, 'close');
  return {
    async firing() {
      try {
        const response = await fetch(`http://127.0.0.1:${port}/api/v1/alerts`);
        const { data } = (await response.json()) as {
          data: { alerts: { state: string; labels: Firing }[] };
        };
        return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels);
      } catch {
        return null;
      }
    },
    async close() {
      child.kill('SIGTERM');
      await closed;
    },
  };
}
