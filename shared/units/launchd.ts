/**
 * The manifest in launchd's words: one property list per service, installed byte for byte as it is committed.
 *
 * launchd expands no variable in a path, so the shell does: it finds the home, refuses to start while the house is
 * switched off or the secret is missing without which there is nothing to do, and becomes Node in the same process. Node
 * lies at one path over all releases, because macOS grants its permissions to a path. The service logs to its own
 * files; what Node or V8 says outside of them is kept in `crash.txt`, and outlives the restart that follows as
 * `crash.previous.txt`. launchd's own StandardErrorPath would grow without end.
 *
 * KeepAlive sees exits only, never hangs, and has no exit code for "stay down": 0 is that code here. There is no limit
 * of memory: V8's own and the watchdog stand in for it. Without a login at the screen there is only the session
 * `Background`.
 */
import type { Service } from '#shared/manifest.ts';
import { killAfter_s, nodeOptions, note } from '#shared/units/process.ts';

/** Below Vigil's home. */
export const NODE = 'runtime/node-24/bin/node';

export function launchdFiles(services: readonly Service[]): { path: string; text: string }[] {
  return services.map((service) => ({
    path: `launchd/${labelOf(service.name)}.plist`,
    text: plist(service),
  }));
}

export function labelOf(name: string): string {
  return `ai.vigil.${name}`;
}

/** Umask is an integer, and integers are decimal: 63 is 077. */
function plist(service: Service): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- ${note} -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${labelOf(service.name)}</string>
  <key>ProgramArguments</key>
  <array>
    <string>/bin/sh</string>
    <string>-c</string>
    <string>${escaped(script(service))}</string>
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>ExitTimeOut</key>
  <integer>${killAfter_s(service)}</integer>
  <key>ProcessType</key>
  <string>${service.pace === 'interactive' ? 'Interactive' : 'Standard'}</string>
  <key>Umask</key>
  <integer>63</integer>
  <key>SoftResourceLimits</key>
  <dict>
    <key>NumberOfFiles</key>
    <integer>4096</integer>
  </dict>
  <key>LimitLoadToSessionType</key>
  <array>
    <string>Aqua</string>
    <string>Background</string>
  </array>
</dict>
</plist>
`;
}

function script(service: Service): string {
  const lines = [
    'export VIGIL_HOME="$HOME/.vigil"',
    '[ ! -e "$VIGIL_HOME/STOPPED" ] || exit 0',
    ...(service.needs ? [`[ -e "$VIGIL_HOME/credentials/${service.needs}.env" ] || exit 0`] : []),
    `logs="$VIGIL_HOME/logs/${service.name}"`,
    'mkdir -p "$logs"',
    '[ ! -s "$logs/crash.txt" ] || mv -f "$logs/crash.txt" "$logs/crash.previous.txt"',
    `exec "$VIGIL_HOME/${NODE}" ${nodeOptions(service).join(' ')} \\`,
    `  "$VIGIL_HOME/current/services/${service.name}.cjs" >"$logs/crash.txt" 2>&1`,
  ];
  return `\n${lines.join('\n')}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
