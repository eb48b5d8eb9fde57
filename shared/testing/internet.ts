/**
 * A small internet, for a process that loads this first (`node --import`): the names that VIGIL_INTERNET lists stand at
 * public addresses, and whoever connects to one comes to a port of this machine; `rebind.example` stands at this machine
 * itself. Whom a service may reach is its own to judge, by the very addresses that it would see outside.
 *
 *   VIGIL_INTERNET={"blog.example":8081,"evil.example":8082}
 */

import { promises as dns } from 'node:dns';
import { Socket } from 'node:net';

const ports: Record<string, number> = JSON.parse(process.env.VIGIL_INTERNET ?? '{}');
const PUBLIC = '93.184.215.14';

const { lookup } = dns;
dns.lookup = (async (host: string, options: object) => {
  const at = (address: string) => [{ address, family: 4 }];
  if (host === 'rebind.example') return at('127.0.0.1');
  return host in ports ? at(PUBLIC) : lookup(host, options);
}) as typeof dns.lookup;

const { connect } = Socket.prototype;
Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
  const options: { host?: string; port?: unknown } = [args[0]].flat()[0] as object;
  const port = ports[options.host ?? ''];
  if (port !== undefined) Object.assign(options, { host: '127.0.0.1', port });
  return Reflect.apply(connect, this, args);
} as typeof connect;
