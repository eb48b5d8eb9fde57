/**
 * Who is in. A link of 256 bits lets one browser in, once, within a minute; it then bears a cookie under addresses that
 * begin with 128 random bits. Cookies do not know ports: one for all of 127.0.0.1 would be sent to every other program
 * that listens there, one for a path that nobody knows is not. The store knows link and cookie by their hashes alone.
 * Wrong ones are not counted: nobody guesses 256 bits, and a limit would only let others keep the owner out.
 */

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { hashOf } from '#shared/base/access.ts';
import type { Store } from '#shared/store/store.ts';
import * as consoleLink from '#shared/tables/console_link.ts';
import * as consoleSession from '#shared/tables/console_session.ts';

export const COOKIE = 'vigil_console';

const random = (bytes: number) => randomBytes(bytes).toString('base64url');

export type Sessions = {
  /** The session of these addresses, where the cookie is its own. */
  of(path: string, cookies: string | undefined): Promise<consoleSession.Session | null>;
  /** Lets in who bears a link's token. `path` is whole: nobody else is told it. */
  enter(token: string, agent: string): Promise<{ path: string; cookie: string } | null>;
  /** A person has done something: it lasts on from now. */
  seen(session: consoleSession.Session): Promise<void>;
};

export function sessions(store: Store, now: () => number): Sessions {
  return {
    async of(path, cookies) {
      const tokens = cookiesOf(cookies);
      if (tokens.length === 0) return null;
      const [session] = await store.read(consoleSession.of(path, now()));
      return session && tokens.some((token) => same(hashOf(token), session.hash)) ? session : null;
    },
    async enter(token, agent) {
      const at = now();
      const path = random(16);
      const secret = random(32);
      const [[link]] = await store.commit([consoleLink.use(hashOf(token), at)]);
      if (!link) return null;
      const session = { path, hash: hashOf(secret), made_by: link.made_by, agent: agent.slice(0, 200) };
      await store.commit([consoleSession.begin({ ...session, started_at: at })]);
      const kept = `Path=/c/${path}/; HttpOnly; SameSite=Strict`;
      return { path, cookie: `${COOKIE}=${secret}; ${kept}` };
    },
    async seen({ path, seen_at }) {
      // Each look would be a write otherwise.
      if (now() - seen_at >= 60_000) await store.commit([consoleSession.seen(path, now())], 'soon');
    },
  };
}

/** Another program of this machine can set some of that name for the browser: they let nobody in, and keep nobody out. */
function cookiesOf(cookies = ''): string[] {
  return cookies
    .split('; ')
    .filter((one) => one.startsWith(`${COOKIE}=`))
    .map((one) => one.slice(COOKIE.length + 1));
}

function same(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
