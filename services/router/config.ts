import { integer, section, setting } from '#shared/runtime/setting.ts';

export const config = section({
  port: setting(
    integer(1, 65_535),
    4100,
    'Where any Anthropic client on this machine finds the router: http://127.0.0.1:<port>.',
  ),
});
