import type { Finding } from './locate.ts';
import type { Allowance, allowedOptions } from './schema.ts';
import type { ComposeService } from '../engine/compose-model.ts';

type Option = (typeof allowedOptions)[number];

/** Each of these capabilities alone allows root access to the host, or control of its network. */
const dangerousCapabilities = new Set([
  'ALL',
  'SYS_ADMIN',
  'SYS_MODULE',
  'SYS_PTRACE',
  'SYS_RAWIO',
  'SYS_BOOT',
  'DAC_READ_SEARCH',
  'BPF',
  'NET_ADMIN',
  'MAC_ADMIN',
  'PERFMON',
]);

/** Keys that give a container power over its host, unless they are allowed by name. */
export function powerFindings(name: string, service: ComposeService, allowances: Allowance[]): Finding[] {
  const allowed = new Set(allowances.flatMap((allowance) => ('option' in allowance ? [allowance.option] : [])));
  const findings: Finding[] = [];
  for (const [option, key, what] of powers(service)) {
    if (allowed.has(option)) continue;
    const mend = `take it out, or allow it: x-horme.allow: [{ option: ${option}, reason: "…" }]`;
    findings.push({ path: ['services', name, key], message: `${what} gives the container power over its host`, mend });
  }
  for (const [key, what] of impossible(service)) {
    findings.push({ path: ['services', name, key], message: `${what} is not supported`, mend: 'take it out' });
  }
  return findings;
}

function powers(service: ComposeService): [Option, string, string][] {
  const found: [Option, string, string][] = [];
  if (service['privileged'] === true) found.push(['privileged', 'privileged', 'privileged']);
  for (const key of ['pid', 'ipc', 'uts', 'userns_mode', 'cgroup'] as const) {
    const mode = typeof service[key] === 'string' ? service[key] : '';
    if (mode === 'host' || mode.startsWith('container:')) found.push([key, key, `${key}: ${mode}`]);
  }
  if (service['cgroup_parent'] !== undefined) found.push(['cgroup', 'cgroup_parent', 'cgroup_parent']);
  for (const key of ['devices', 'device_cgroup_rules']) {
    if (list(service[key]).length > 0) found.push(['devices', key, key]);
  }
  const capability = list(service['cap_add'])
    .map(capabilityName)
    .find((cap) => dangerousCapabilities.has(cap));
  if (capability !== undefined) found.push(['cap_add', 'cap_add', `the capability ${capability}`]);
  const option = list(service['security_opt'])
    .map(String)
    .find((text) => !harmlessSecurityOption.test(text));
  if (option !== undefined) found.push(['security_opt', 'security_opt', JSON.stringify(option)]);
  return [...found, ...indirectPowers(service)];
}

/** Also `seccomp=FILE`, which Compose would read from anywhere. */
const harmlessSecurityOption = /^(?:no-new-privileges(?:[:=]true)?|apparmor[:=]docker-default)$/;

/** Keys of newer Compose versions with the same effect. */
function indirectPowers(service: ComposeService): [Option, string, string][] {
  const found: [Option, string, string][] = [];
  for (const key of ['post_start', 'pre_stop']) {
    const privileged = list(service[key]).some(
      (hook) => (hook as { privileged?: boolean } | null)?.privileged === true,
    );
    if (privileged) found.push(['privileged', key, `a privileged ${key}`]);
  }
  const { build } = service;
  if (build?.['privileged'] === true || list(build?.['entitlements']).length > 0) {
    found.push(['privileged', 'build', 'a privileged build']);
  }
  return found;
}

function impossible(service: ComposeService): [key: string, what: string][] {
  const found: [string, string][] = [];
  if (service.network_mode?.startsWith('container:') === true)
    found.push(['network_mode', 'the network of another container']);
  if (list(service['volumes_from']).some((from) => String(from).startsWith('container:'))) {
    found.push(['volumes_from', 'the volumes of a container outside the project']);
  }
  return found;
}

function capabilityName(value: unknown): string {
  return String(value).toUpperCase().replace(/^CAP_/, '');
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
