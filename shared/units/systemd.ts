/**
 * The manifest in systemd's words: one flat, hardened unit per service, the target that starts and stops them
 * together, and the slice that bounds what they take; beside them what acts as root for the house: it restarts a service
 * on request, and tells of one that failed and tries it again. All of it twice: for the machine, where each service is a
 * user of its own, and for one user's own systemd.
 *
 * A service of the machine finds its folders by the names that systemd itself gives them (systemd.exec(5)):
 * STATE_DIRECTORY, CONFIGURATION_DIRECTORY, LOGS_DIRECTORY, CREDENTIALS_DIRECTORY. There is no Requires= anywhere and no
 * order between the services: they meet in the store only, and each bears the absence of the others.
 */
import type { Service } from '#shared/manifest.ts';
import { killAfter_s, nodeOptions, note } from '#shared/units/process.ts';

type Place = {
  scope: 'system' | 'user';
  /** In the repository. */
  folder: string;
  release: string;
  /** Of config, credentials and the off switch. */
  config: string;
  state: string;
  /** Where the console asks for a rollback. */
  rollbacks: string;
};

const places: readonly Place[] = [
  {
    scope: 'system',
    folder: 'systemd',
    release: '/opt/vigil/current',
    config: '/etc/vigil',
    state: '/var/lib/vigil',
    rollbacks: '/run/vigil/rollback',
  },
  {
    scope: 'user',
    folder: 'systemd/user',
    release: '%h/.vigil/current',
    config: '%h/.vigil',
    state: '%h/.vigil/state',
    rollbacks: '%h/.vigil/state/rollback',
  },
];

/** A Node process has about a dozen threads; this leaves room for a handful of workers. */
const tasksMax = 64;
/** What the programs that a service starts may take besides, all together. */
const programsTake = { memory_mb: 2048, tasks: 448, cpu_percent: 200 };
/** One core for the program, one for V8's own threads. */
const cpu_percent = 200;

export function systemdFiles(services: readonly Service[]): { path: string; text: string }[] {
  return [
    ...places.flatMap((place) =>
      Object.entries({
        ...Object.fromEntries(
          services.map((service) => [`vigil-${service.name}.service`, unit(service, place)]),
        ),
        'vigil-failed@.service': failed(place),
        'vigil-restart.path': restartPath(place),
        'vigil-restart.service': restart(place),
        'vigil-rollback.path': rollbackPath(place),
        'vigil-rollback.service': rollback(place),
        'vigil.slice': slice(services),
        'vigil.target': target(services, place),
      }).map(([name, text]) => ({ path: `${place.folder}/${name}`, text })),
    ),
    { path: 'systemd/vigil.sysusers.conf', text: sysusers(services) },
    { path: 'systemd/vigil.tmpfiles.conf', text: tmpfiles },
  ];
}

function unit(service: Service, place: Place): string {
  const { name, about, network, needs, quiet_s, exec } = service;
  const { scope, release, config } = place;
  const system = scope === 'system';
  const node = [`${release}/bin/node`, ...nodeOptions(service), `${release}/services/${name}.cjs`].join(' ');
  return `# ${note}
[Unit]
Description=Vigil ${name}, ${about}
PartOf=vigil.target
${system && network.includes('outbound') ? 'After=network.target\n' : ''}ConditionPathExists=!${config}/STOPPED
${needs ? `# Without it there is nothing to do.\nConditionPathExists=${config}/credentials/${needs}.env\n` : ''}${system && exec ? `AssertPathExists=${hidden}\n` : ''}OnFailure=vigil-failed@%N.service
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart=${release}/bin/with-notify-fd ${node}
SyslogIdentifier=vigil-${name}
WatchdogSec=${quiet_s}
TimeoutStopSec=${killAfter_s(service)}
KillMode=mixed
Restart=always
RestartSec=2
# 78: a person must act. 143: drained after SIGTERM.
RestartPreventExitStatus=78
SuccessExitStatus=143

Slice=vigil.slice
CPUQuota=${cpuOf(service)}%
MemoryMax=${memoryOf(service)}M
MemorySwapMax=0
TasksMax=${tasksOf(service)}
${exec ? programDies : ''}LimitNOFILE=4096
LimitCORE=0

${system ? ofTheMachine(service, place) : ofOneUser(service, place)}
${addresses(network)}
ProtectSystem=strict
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
${system || !exec ? 'ProtectKernelLogs=yes\nProtectKernelTunables=yes\n' : ''}ProtectKernelModules=yes
ProtectControlGroups=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
PrivateIPC=yes
PrivateMounts=yes
RemoveIPC=yes
KeyringMode=private
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictNamespaces=${exec ? 'ipc mnt net pid user uts' : 'yes'}
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @setuid @keyring
SystemCallErrorNumber=EPERM
${exec ? forPrograms(place) : forItself(service, place)}
[Install]
WantedBy=vigil.target
`;
}

/** A user for each service; what is shared among them belongs to their group. */
function ofTheMachine(service: Service, { config, state }: Place): string {
  const { name, readsLogs } = service;
  // Root's folder around it: nobody but this service can ask there.
  const asks = name === 'console' ? 'RuntimeDirectory=vigil/rollback\nRuntimeDirectoryMode=0700\n' : '';
  return `User=vigil-${name}
Group=vigil
# What is shared, the service opens to its group itself.
UMask=0077
Environment=STATE_DIRECTORY=${state} CONFIGURATION_DIRECTORY=${config}
ReadWritePaths=${state}
LogsDirectory=vigil/${name}
LogsDirectoryMode=0750
${readsLogs ? '' : `TemporaryFileSystem=/var/log/vigil:ro\nBindPaths=/var/log/vigil/${name}\n`}${asks}ProtectHome=yes
${credentials(service, config)}`;
}

/**
 * The same user for all, who owns much else: so their home is an empty one here, with Vigil's own folder in it, and of what
 * runs for them only systemd's ear can be reached. What the agent's programs see of the home is their sandbox's business.
 * PrivateUsers= is what makes the rest hold in a user's systemd before 254.
 */
function ofOneUser(service: Service, { config, state }: Place): string {
  const home = service.exec
    ? `ReadWritePaths=%h
InaccessiblePaths=-%t/bus -%t/systemd/private
TemporaryFileSystem=%t/credentials:ro
`
    : `ProtectHome=tmpfs
BindReadOnlyPaths=${config} ${config}/releases %t/systemd/notify
BindPaths=${state} ${config}/logs
`;
  return `UMask=0077
${home}BindReadOnlyPaths=-%t/credentials/%n
${credentials(service, config)}`;
}

const programDies = '# One program that takes too much ends alone.\nOOMPolicy=continue\n';

/** Where nobody but root can look. */
const hidden = '/run/vigil/hidden';

/**
 * The kernel lets a sandbox have a /proc of its own only where a whole one is mounted, and the service's is partly covered:
 * so there is a whole one out of everybody's reach. In the other place the sandbox forbids itself further namespaces.
 */
const wholeProc = `BindPaths=/proc:${hidden}/proc:norbind
ReadWritePaths=/proc/sys/user
`;

function forPrograms({ scope }: Place): string {
  return `# What bubblewrap needs to build the sandbox, in which nobody has a use for it.
SystemCallFilter=capset mount pivot_root umount2
${scope === 'system' ? wholeProc : ''}`;
}

/** Each writable folder is a mount of its own, which the first path does not reach. */
function forItself({ name, programs = [] }: Service, { scope, release, state }: Place): string {
  const writable = scope === 'system' ? `${state} /var/log/vigil/${name}` : `${state} %h/.vigil/logs`;
  const releases = scope === 'system' ? '/opt/vigil' : `${release.replace(/\/current$/, '')}/releases`;
  const started = programs.map((path) => ` -${path}`).join('');
  return `# Only the release, its launcher and the system's libraries can be executed: no shell, no downloaded program.
NoExecPaths=/ /dev/shm /tmp /var/tmp ${writable}
ExecPaths=${releases} /usr/bin/perl /usr/lib /lib -/usr/lib64 -/lib64${started}
`;
}

function memoryOf({ memory_mb, exec }: Service): number {
  return memory_mb + (exec ? programsTake.memory_mb : 0);
}

function tasksOf({ exec }: Service): number {
  return tasksMax + (exec ? programsTake.tasks : 0);
}

function cpuOf({ exec }: Service): number {
  return cpu_percent + (exec ? programsTake.cpu_percent : 0);
}

/**
 * What a service is handed, and the folder with all of them out of its sight. The default, a comment, lets it start without
 * the file and say itself what it misses. A folder comes as a file for each in it (`mcp_mail.env`).
 */
function credentials({ secrets }: Service, config: string): string {
  const folder = `${config}/credentials`;
  const handed = secrets.map((secret) => {
    const name = secret.endsWith('/*') ? secret.slice(0, -2) : `${secret}.env`;
    return `LoadCredential=${name}:${folder}/${name}\nSetCredential=${name}:# there is no ${folder}/${name}\n`;
  });
  return `${handed.join('')}InaccessiblePaths=-${folder}\n`;
}

/** AF_NETLINK is how Node lists the machine's interfaces and libc sorts a name's addresses. */
function addresses(network: Service['network']): string {
  const internet = 'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK';
  if (network.includes('outbound')) return internet;
  if (network.includes('loopback')) return `${internet}\nIPAddressDeny=any\nIPAddressAllow=localhost`;
  return 'RestrictAddressFamilies=AF_UNIX\nPrivateNetwork=yes\nIPAddressDeny=any';
}

function slice(services: readonly Service[]): string {
  const sum = (of: (service: Service) => number) =>
    services.reduce((total, service) => total + of(service), 0);
  return `# ${note}
[Unit]
Description=What Vigil may take from this machine

[Slice]
CPUQuota=${sum(cpuOf)}%
MemoryMax=${sum(memoryOf)}M
TasksMax=${sum(tasksOf)}
`;
}

/** To enable it enables them all; one that is not wanted can be disabled by itself. */
function target(services: readonly Service[], { scope }: Place): string {
  const members = services.map(({ name }) => `vigil-${name}.service`);
  return `# ${note}
[Unit]
Description=Vigil, the whole house

[Install]
WantedBy=${scope === 'system' ? 'multi-user' : 'default'}.target
Also=${[...members, 'vigil-restart.path', 'vigil-rollback.path'].join(' ')}
`;
}

function failed(place: Place): string {
  return `# ${note}
[Unit]
Description=Tells that %i is down, and has it tried again
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=${place.release}/bin/unit-failed --${place.scope} %i
# After so long a unit that failed is tried again, then after twice as long, up to the second.
Environment=RETRY_FIRST_S=600 RETRY_MOST_S=3600
RuntimeDirectory=vigil/retry
RuntimeDirectoryPreserve=yes
${helper(place)}`;
}

function restartPath({ state }: Place): string {
  return `# ${note}
[Unit]
Description=Sees that a service of Vigil asks for a restart
PartOf=vigil.target

[Path]
DirectoryNotEmpty=${state}/restart

[Install]
WantedBy=vigil.target
`;
}

function restart(place: Place): string {
  return `# ${note}
[Unit]
Description=Restarts the services of Vigil for which that is asked
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=${place.release}/bin/restart-requested --${place.scope}
RuntimeDirectory=vigil/restarted
RuntimeDirectoryPreserve=yes
${helper(place)}`;
}

function rollbackPath({ rollbacks }: Place): string {
  return `# ${note}
[Unit]
Description=Sees that the console of Vigil asks for another release
PartOf=vigil.target

[Path]
DirectoryNotEmpty=${rollbacks}

[Install]
WantedBy=vigil.target
`;
}

/**
 * It does what `vigil rollback` does in a terminal: links, unit files, users, folders, and maybe the store. It is no part
 * of the target, which it restarts.
 */
function rollback({ scope, release, config, state }: Place): string {
  const mayDo =
    scope === 'system'
      ? `ReadWritePaths=/opt/vigil /etc /run ${state} /var/log/vigil
ProtectHome=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID`
      : `ReadWritePaths=${config} %h/.config/systemd/user
PrivateUsers=yes
CapabilityBoundingSet=`;
  return `# ${note}
[Unit]
Description=Goes back to the release of Vigil for which the console asks
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=${release}/bin/vigil rollback --asked
TimeoutStartSec=600
${mayDo}
NoNewPrivileges=yes
PrivateNetwork=yes
IPAddressDeny=any
ProtectSystem=strict
ProtectClock=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
`;
}

/** It speaks to systemd, by a Unix socket, and writes in the state. The machine's is root, without root's capabilities. */
function helper({ scope, state }: Place): string {
  return `Environment=STATE_DIRECTORY=${state}
ReadWritePaths=${state}
ProtectHome=${scope === 'system' ? 'yes' : 'read-only\nPrivateUsers=yes'}
CapabilityBoundingSet=
NoNewPrivileges=yes
PrivateNetwork=yes
IPAddressDeny=any
ProtectSystem=strict
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateMounts=yes
KeyringMode=private
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @setuid @keyring
SystemCallErrorNumber=EPERM
`;
}

/** For systemd-sysusers(8). */
function sysusers(services: readonly Service[]): string {
  return `# ${note}
g vigil -
${services.map(({ name }) => `u vigil-${name} -:vigil "Vigil ${name}" /var/lib/vigil`).join('\n')}
`;
}

/** For systemd-tmpfiles(8). */
const tmpfiles = `# ${note}
d /etc/vigil 0755 root root
d /etc/vigil/credentials 0700 root root
d /etc/vigil/credentials/mcp 0700 root root
d /var/log/vigil 0755 root root
# Shared: what is made in them belongs to the group.
d /var/lib/vigil 2770 root vigil
d /var/lib/vigil/run 2770 root vigil
d /var/lib/vigil/restart 2770 root vigil
d /var/lib/vigil/failed 2770 root vigil
d /var/lib/vigil/workspace 2770 root vigil
d /var/lib/vigil/files 2770 root vigil
d /var/lib/vigil/backups 2770 root vigil
d /run/vigil 0755 root root
d ${hidden} 0700 root root
d ${hidden}/proc 0700 root root
`;
