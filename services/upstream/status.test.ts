import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusOf } from './status.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const page = (indicator: string, components: [string, string][] = [], incidents: [string, string][] = []) =>
  JSON.stringify({
    status: { indicator, description: 'What it says of itself' },
    components: components.map(([name, status]) => ({ name, status })),
    incidents: incidents.map(([name, status]) => ({ name, status })),
  });

test('a status page is read as it is meant', () => {
  assert.deepEqual(statusOf(page('none'), NOW), { level: 'none', words: '' });
  assert.deepEqual(statusOf(page('major'), NOW), { level: 'major', words: 'What it says of itself' });
  assert.deepEqual(statusOf(page('unheard of'), NOW).level, 'minor');
  const open = page(
    'minor',
    [],
    [
      ['Elevated errors', 'investigating'],
      ['Old', 'resolved'],
    ],
  );
  assert.deepEqual(statusOf(open, NOW), { level: 'minor', words: 'Elevated errors' });
});

test('where the page names its API, the rest of the company is nobody’s concern', () => {
  const at = (api: string, chat: string) =>
    statusOf(
      page('critical', [
        ['Claude API (api.anthropic.com)', api],
        ['claude.ai', chat],
      ]),
      NOW,
    ).level;
  assert.equal(at('operational', 'major_outage'), 'none');
  assert.equal(at('degraded_performance', 'operational'), 'minor');
  assert.equal(at('partial_outage', 'operational'), 'major');
  assert.equal(at('major_outage', 'operational'), 'critical');
});

test('a feed tells of trouble that is fresh and not over', () => {
  const feed = (title: string, at: number) =>
    `<rss><channel><item><title>${title}</title><pubDate>${new Date(at).toUTCString()}</pubDate></item></channel></rss>`;
  assert.deepEqual(statusOf(feed('API errors', NOW - 3_600_000), NOW), {
    level: 'minor',
    words: 'API errors',
  });
  assert.equal(statusOf(feed('API errors: Resolved', NOW - 3_600_000), NOW).level, 'none');
  assert.equal(statusOf(feed('API errors', NOW - 6 * 3_600_000), NOW).level, 'none');
  assert.equal(statusOf(feed('API errors', NOW - 6 * 3_600_000 + 1000), NOW).level, 'minor');
});

test('what is no status page is refused', () => {
  for (const text of ['', '<html>Sign in</html>', '{}', '{"status":{}}', '[]']) {
    assert.throws(() => statusOf(text, NOW), text);
  }
});
