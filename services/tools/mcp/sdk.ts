/**
 * What we use of the MCP SDK, in one place that is loaded late: 18 MB in a process that may never have a server. Its
 * transport over pipes and its OAuth stay out: programs run in our sandbox, and secrets come from the owner.
 */

export { Client } from '@modelcontextprotocol/sdk/client';
export {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js';
export { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
export { ErrorCode, McpError, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
