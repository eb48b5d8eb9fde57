/** Which hosts may be reached: by name, and by the address behind the name. */

import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** `hosts`: on the open internet. `lan`: wherever they are. */
export type Reach = { hosts: readonly string[]; lan: readonly string[] };

/** A host that may not be reached, and why. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly host: string;
  constructor(host: string, why: string) {
    super(`egress: ${host} ${why}`);
    this.host = host;
  }
}

/** Azure answers its machines' secrets at an address that looks like any other of the internet. */
const METADATA = '168.63.129.16';

/** Whether an address is of the open internet, rather than of this machine, its network or its cloud. */
export function isPublic(address: string): boolean {
  // An IPv4 address in the clothes of IPv6 is judged as what it is.
  return ipaddr.isValid(address) && address !== METADATA && ipaddr.process(address).range() === 'unicast';
}

/**
 * Whether one of `patterns` names this host: `example.com`, `example.com:8443`, `*.example.com` (not example.com
 * itself), `*`. Without a port it means every port.
 */
export function names(patterns: readonly string[], host: string, port: number): boolean {
  const asked = plain(host);
  return patterns.some((pattern) => {
    const [, name = '', only] = /^(\[.*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(pattern) ?? [];
    if (only !== undefined && Number(only) !== port) return false;
    return (
      name === '*' || (name.startsWith('*.') ? asked.endsWith(plain(name.slice(1))) : asked === plain(name))
    );
  });
}

/** Of the hosts of the own network, those that `allowed` names as well. */
export function ownAmong(lan_hosts: readonly string[], allowed: readonly string[]): string[] {
  return lan_hosts.filter((host) => names(allowed, host, 443));
}

/** As names are compared: small letters, without the root's dot and an IPv6 address's brackets. */
export function plain(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

/**
 * The way to a host that may be reached, for `lookup` of a connection: Node is handed the addresses that were judged,
 * instead of asking again for a name that may mean something else by then.
 * @throws Refused, by the name alone where that is enough: a refused name is not even looked up
 */
export async function wayTo(host: string, port: number, reach: Reach): Promise<LookupFunction> {
  const own = names(reach.lan, host, port);
  if (!own && !names(reach.hosts, host, port)) throw new Refused(host, 'is not among the allowed hosts');
  const family = isIP(host);
  const found: LookupAddress[] = family ? [{ address: host, family }] : await dns.lookup(host, { all: true });
  const open = own ? found : found.filter(({ address }) => isPublic(address));
  const [first] = open;
  if (!first) throw new Refused(host, `is at a private address (${found[0]?.address})`);
  return (_host, options, done) => (options.all ? done(null, open) : done(null, first.address, first.family));
}
