/**
 * Where alarms arrive besides Telegram: an ntfy server and a webhook. ntfy takes a POST to a topic, the body as the
 * message and Title, Priority (1 to 5) and Tags as headers, with a Bearer token where the topic is closed, and answers
 * with the message (https://docs.ntfy.sh/publish).
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

export type Notification = {
  topic: string;
  message: string;
  title: string | null;
  priority: number;
  tags: string[];
};

export type AlarmRoutes = {
  /** The whole address of a topic. */
  ntfy(topic: string): string;
  webhook: string;
  notifications: Notification[];
  /** What the webhook was given. */
  posts: { text: string; cause: string; severity: string; at: number }[];
  close(): Promise<void>;
};

/** @param options.token without it, ntfy lets nobody publish */
export async function startAlarmRoutes(options: { token?: string } = {}): Promise<AlarmRoutes> {
  const notifications: Notification[] = [];
  const posts: AlarmRoutes['posts'] = [];

  async function publish(request: IncomingMessage, response: ServerResponse, topic: string): Promise<void> {
    const body = await text(request);
    const { authorization, title, priority = '3', tags = '' } = request.headers;
    const refuse = (http: number, code: number, error: string) =>
      send(response, http, { code, http, error, link: 'https://docs.ntfy.sh/publish/' });
    if (!/^[-_A-Za-z0-9]{1,64}$/.test(topic)) return refuse(404, 40401, 'page not found');
    if (options.token && authorization !== `Bearer ${options.token}`) return refuse(403, 40301, 'forbidden');
    if (!/^[1-5]$/.test(String(priority))) return refuse(400, 40007, 'invalid request: priority invalid');
    const message = body === '' ? 'triggered' : body;
    notifications.push({
      topic,
      message,
      title: typeof title === 'string' ? title : null,
      priority: Number(priority),
      tags: String(tags).split(',').filter(Boolean),
    });
    send(response, 200, { id: `m${notifications.length}`, event: 'message', topic, message });
  }

  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return send(response, 405, { error: 'method not allowed' });
    const path = request.url?.slice(1) ?? '';
    if (path !== 'hook') return publish(request, response, path);
    posts.push(JSON.parse(await text(request)));
    send(response, 200, { ok: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const root = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  return {
    ntfy: (topic) => `${root}/${topic}`,
    webhook: `${root}/hook`,
    notifications,
    posts,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
