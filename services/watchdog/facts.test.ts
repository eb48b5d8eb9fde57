import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '#shared/testing/scratch.ts';
import { hearReports, unseen } from './facts.ts';

test('a report of a unit that failed is heard once, and what is none stops nobody', (t) => {
  const state = scratch(t);
  const failed = join(state, 'failed');
  const config = join(state, 'config.toml');
  writeFileSync(config, '');
  const seen = unseen(config, 1e12);
  hearReports(state, seen);
  assert.equal(seen.failed.size, 0);

  mkdirSync(join(failed, 'router', 'full'), { recursive: true });
  // Whoever reads it waits for a writer, who never comes.
  execFileSync('mkfifo', [join(failed, 'tools')]);
  writeFileSync(join(failed, 'cron.part'), '{"service":"cron","res');
  writeFileSync(join(failed, 'core'), '{"service":"core","result":"exit-code","status":3,"at":1}');
  writeFileSync(join(failed, 'backup'), 'half a line');
  writeFileSync(join(failed, 'telegram'), '{"service":"telegram","result":"exit-code","status":78,"at":1}');
  hearReports(state, seen);
  assert.deepEqual([...seen.failed.keys()].toSorted(), ['backup', 'core', 'telegram']);
  assert.match(seen.failed.get('core')?.how ?? '', /too often in a row \(exit-code\)/);
  assert.match(seen.failed.get('telegram')?.how ?? '', /somebody to mend it/);
  assert.ok(!existsSync(join(failed, 'core')));
  assert.ok(existsSync(join(failed, 'cron.part')), 'whoever writes it just now ends it');
});
