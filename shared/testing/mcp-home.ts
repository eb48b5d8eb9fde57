/** A home automation that speaks the Model Context Protocol, as one finds it on the own network: over HTTP, with lamps. */

import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

export type Lamps = Record<string, 'on' | 'off'>;

export function homeServer(lamps: Lamps): Server {
  const server = new Server({ name: 'home', version: '1' }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [
      { name: 'list_lamps', description: 'Lists the lamps.', inputSchema: { type: 'object' } },
      {
        name: 'turn',
        description: 'Turns a lamp on or off.',
        inputSchema: {
          type: 'object',
          properties: { lamp: { type: 'string' }, to: { enum: ['on', 'off'] } },
          required: ['lamp', 'to'],
        },
      },
    ],
  }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
    const { lamp, to } = params.arguments ?? {};
    if (params.name === 'turn') lamps[String(lamp)] = to === 'on' ? 'on' : 'off';
    return { content: [], structuredContent: lamps };
  });
  return server;
}
