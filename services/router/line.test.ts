import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

const LIMITS =
  '[budget]\nhour_usd = 1000\nday_usd = 1000\nmonth_usd = 1000\n[limits]\nrequests_per_minute = 60\nqueue = 4\n';

test('calls beyond the limit wait in line without any work, take turns, and one too many is told when to come back', {
  skip: process.platform === 'linux' ? false : 'there is no /proc',
}, async (t) => {
  const house = await buildHouse({ telegram: false, config: LIMITS });
  const [many, one] = [await house.accessKey('many'), await house.accessKey('one')];
  prepareHome(house.home);
  const child = spawn(process.execPath, [join(root, 'services/router/service.ts')], {
    env: { ...process.env, VIGIL_HOME: house.home.directory, VIGIL_CONSOLE: 'off' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.after(async () => {
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    await ended;
    await house.close();
  });
  await until('the router is ready', async () => (await house.pidOf('router')) === child.pid);
  const socket = connect(house.port, '127.0.0.1');
  t.after(() => socket.destroy());
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const asking = (key: string, content: string) => {
    const body = JSON.stringify({ model: 'quick', max_tokens: 10, messages: [{ role: 'user', content }] });
    return `POST /v1/messages HTTP/1.1\r\nhost: x\r\nanthropic-version: 2023-06-01\r\nx-api-key: ${key}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };
  const statuses = () => said.match(/(?<=HTTP\/1.1 )\d+/g) ?? [];
  socket.write(asking(many, 'at once').repeat(60));
  await until('a minute is full', () => statuses().length === 60);
  const began_ms = cpu_ms(child.pid);
  // On one connection they come in this order, and none waits for the answer to the one before.
  const names = ['many 1', 'many 2', 'many 3', 'one', 'one too many'];
  socket.write(names.map((name) => asking(name === 'one' ? one : many, name)).join(''));
  await until('all are answered', () => statuses().length === 65);
  assert.deepEqual(statuses().slice(60), ['200', '200', '200', '200', '429']);
  assert.match(said, /retry-after: [1-9]/);
  const heard = house.model.calls().map(({ body }) => JSON.stringify(body));
  const place = (name: string) => heard.findIndex((body) => body.includes(`"${name}"`));
  assert.ok(place('one') < place('many 3'), heard.slice(60).join('\n'));
  const worked_ms = cpu_ms(child.pid) - began_ms;
  assert.ok(worked_ms < 400, `it worked for ${worked_ms} ms while four calls waited`);
});

/** The time of the processor that the process has had: fields 14 and 15 of proc(5), in hundredths of a second. */
function cpu_ms(pid = 0): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
