/**
 * Which links Telegram takes in a text_link entity or an inline button, and how it rewrites them.
 * Sources: TDLib LinkManager.cpp check_link, HttpUrl.cpp parse_url.
 */

import { isIPv6 } from 'node:net';

/** The link as Telegram keeps it, or why it refuses it. */
export function checkLink(link: string): { url: string } | { wrong: string } {
  const own = /^(tg|ton|tonsite):(?:\/\/)?(.*)$/is.exec(link);
  const scheme = own?.[1]?.toLowerCase();
  const parts = splitUrl(own?.[2] ?? link);
  if ('wrong' in parts) return parts;
  const { protocol, userinfo, host, port, path } = parts;
  if (scheme) {
    if (protocol || userinfo || port || host.startsWith('[')) {
      return { wrong: scheme === 'tg' ? 'Wrong tg URL' : 'Wrong ton URL' };
    }
    const allowed = scheme === 'tonsite' ? /^[\w.-]+$/ : /^[\w-]+$/;
    if (!allowed.test(host)) return { wrong: 'Unallowed characters in URL host' };
    return { url: `${scheme}://${host}${path.startsWith('/?') ? path.slice(1) : path}` };
  }
  if (!host.includes('.') && !host.startsWith('[')) return { wrong: 'Wrong HTTP URL' };
  return { url: `${protocol || 'http'}://${userinfo}${host}${port}${path}` };
}

type Parts = { protocol: string; userinfo: string; host: string; port: string; path: string };

function splitUrl(url: string): Parts | { wrong: string } {
  const start = /^([^:/?#@[\]]*):\/\//.exec(url);
  const protocol = start?.[1]?.toLowerCase() ?? '';
  if (start && protocol !== 'http' && protocol !== 'https') return { wrong: 'Unsupported URL protocol' };
  const [, authority = '', rest = ''] = /^([^/?#]*)(.*)$/s.exec(url.slice(start?.[0].length ?? 0)) ?? [];
  // The port begins at the last colon, unless a `]` or an `@` comes after it: hence mailto:a@b.c passes as host b.c.
  const [, before, port_text] = /^(.+):([^:\]@]*)$/s.exec(authority) ?? [undefined, authority, undefined];
  const port = Number(port_text ?? 0);
  if (port_text !== undefined && !(/^\d+$/.test(port_text) && port >= 1 && port <= 65_535)) {
    return { wrong: 'Wrong port number specified in the URL' };
  }
  const at = before?.lastIndexOf('@') ?? -1;
  const host = (before ?? '').slice(at + 1).toLowerCase();
  if (host === '') return { wrong: 'URL host is empty' };
  if (host === '.') return { wrong: 'Host is invalid' };
  if (host.startsWith('[') && host.endsWith(']')) {
    if (!isIPv6(host.slice(1, -1))) return { wrong: 'Wrong IPv6 address specified in the URL' };
  } else {
    if (/%(?![0-9a-f]{2})/.test(host)) return { wrong: 'Wrong percent-encoded symbol in URL host' };
    if (!/^[a-z.0-9\-_!$,~*'();&+=%\u0080-\u{10ffff}]+$/u.test(host)) return { wrong: 'Wrong URL host' };
  }
  const path = rest
    .trimEnd()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the rule is about control characters
    .replace(/[\u0000-\u0020]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  return {
    protocol,
    userinfo: at < 0 ? '' : `${before?.slice(0, at)}@`,
    host,
    port: port ? `:${port}` : '',
    path: path.startsWith('/') ? path : `/${path}`,
  };
}
