/**
 * The manifest in systemd's words: one flat, hardened unit per service, the target that starts and stops them
 * together, and the slice that bounds what they take from the machine. A service finds its folders by the names
 * that systemd itself gives them (systemd.exec(5)): STATE_DIRECTORY, CONFIGURATION_DIRECTORY, LOGS_DIRECTORY,
 * CREDENTIALS_DIRECTORY.
 *
 * There is no Requires= anywhere and no order between the services: they meet in the store only, and each bears
 * the absence of the others.
 */
import type { Service } from '#shared/manifest.ts';
import { killAfter_s, nodeOptions, note } from '#shared/units/process.ts';

const release = '/opt/vigil/current';
/** A Node process has about a dozen threads; this leaves room for a handful of workers. */
const tasksMax = 64;
/** What the programs that a service starts may take besides, all together. */
const programs = { memory_mb: 2048, tasks: 448 };

export function systemdFiles(services: readonly Service[]): { path: string; text: string }[] {
  return [
    ...services.map((service) => ({ path: `systemd/vigil-${service.name}.service`, text: unit(service) })),
    { path: 'systemd/vigil.slice', text: slice(services) },
    { path: 'systemd/vigil.target', text: target },
  ];
}

function unit(service: Service): string {
  const { name, about, network, secrets, quiet_s, exec } = service;
  const node = [`${release}/bin/node`, ...nodeOptions(service), `${release}/services/${name}.cjs`].join(' ');
  return `# ${note}
[Unit]
Description=Vigil ${name}, ${about}
PartOf=vigil.target
${network.includes('outbound') ? 'After=network.target\n' : ''}ConditionPathExists=!/etc/vigil/STOPPED
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
MemoryMax=${memoryOf(service)}M
MemorySwapMax=0
TasksMax=${tasksOf(service)}
${exec ? programDies : ''}LimitNOFILE=4096
LimitCORE=0

User=vigil-${name}
Group=vigil
# The store is shared within the group.
UMask=0007
Environment=STATE_DIRECTORY=/var/lib/vigil CONFIGURATION_DIRECTORY=/etc/vigil
ReadWritePaths=/var/lib/vigil
LogsDirectory=vigil/${name}
LogsDirectoryMode=0700
${secrets
  .filter((secret) => !secret.endsWith('*'))
  .map(credential)
  .join('')}InaccessiblePaths=-/etc/vigil/credentials

${addresses(network)}
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
${exec ? '' : 'ProtectKernelLogs=yes\n'}ProtectKernelModules=yes
${exec ? '' : 'ProtectKernelTunables=yes\n'}ProtectControlGroups=yes
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
RestrictNamespaces=${exec ? 'ipc mnt net pid user' : 'yes'}
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @setuid @keyring
SystemCallErrorNumber=EPERM
${exec ? forPrograms : forItself(service)}
[Install]
WantedBy=vigil.target
`;
}

const programDies = '# One program that takes too much ends alone.\nOOMPolicy=continue\n';

/**
 * bubblewrap makes namespaces and mounts, without any privilege, and the kernel lets it show a new /proc only where the
 * service's own is whole: no part of it is covered here, and the sandbox shows it read-only.
 */
const forPrograms = `# What bubblewrap needs to build the sandbox, in which nobody has a use for it.
SystemCallFilter=capset mount pivot_root umount2
`;

function forItself({ name }: Service): string {
  return `# Only the release, its launcher and the system's libraries can be executed: no shell, no downloaded program.
# Each writable folder is a mount of its own, which the first path does not reach.
NoExecPaths=/ /dev/shm /tmp /var/tmp /var/lib/vigil /var/log/vigil/${name}
ExecPaths=/opt/vigil /usr/bin/perl /usr/lib /lib -/usr/lib64 -/lib64
`;
}

function memoryOf({ memory_mb, exec }: Service): number {
  return memory_mb + (exec ? programs.memory_mb : 0);
}

function tasksOf({ exec }: Service): number {
  return tasksMax + (exec ? programs.tasks : 0);
}

/**
 * The default, a comment, lets a service start without the file and say itself what it misses. A pattern of names cannot
 * be handed over: systemd takes single files, and at the start only.
 */
function credential(secret: string): string {
  const file = `/etc/vigil/credentials/${secret}.env`;
  return `LoadCredential=${secret}.env:${file}\nSetCredential=${secret}.env:# there is no ${file}\n`;
}

/** AF_NETLINK is how Node lists the machine's interfaces and libc sorts a name's addresses. */
function addresses(network: Service['network']): string {
  const internet = 'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK';
  if (network.includes('outbound')) return internet;
  if (network.includes('loopback')) return `${internet}\nIPAddressDeny=any\nIPAddressAllow=localhost`;
  return 'RestrictAddressFamilies=AF_UNIX\nPrivateNetwork=yes\nIPAddressDeny=any';
}

function slice(services: readonly Service[]): string {
  const memory_mb = services.reduce((sum, service) => sum + memoryOf(service), 0);
  return `# ${note}
[Unit]
Description=What Vigil may take from this machine

[Slice]
MemoryMax=${memory_mb}M
TasksMax=${services.reduce((sum, service) => sum + tasksOf(service), 0)}
`;
}

const target = `# ${note}
[Unit]
Description=Vigil, the whole house

[Install]
WantedBy=multi-user.target
`;
