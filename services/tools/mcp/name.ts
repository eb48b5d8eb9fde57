/** What a server may be called. By itself, for the command line, whose help loads nothing. */

/** Letters and digits alone: with `_` two servers could mean the same tool by `mcp_<server>_<tool>`. */
export const SERVER_NAME = /^[a-z][a-z0-9]{0,19}$/;
