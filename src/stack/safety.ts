import type { Finding } from './locate.ts';
import { mountFindings } from './mounts.ts';
import { controlCharacters, engineNamePattern, imageReferencePattern, serviceNamePattern, variablePattern } from './patterns.ts';
import type { Allowance, allowedOptions } from './schema.ts';
import type { ComposeModel, ComposeService } from './stack.ts';

export interface SafetyInput {
  /** The output of Compose: merges, includes and extends are done, octal modes and short forms are spelled out. */
  model: ComposeModel;
  directory: string;
  allowances: Map<string, Allowance[]>;
}

type Option = (typeof allowedOptions)[number];

/** Names that the platform gives to its own containers, volumes and labels. */
const reservedPrefix = 'horme-';
const reservedLabels = ['horme.', 'com.docker.compose.'];
/** Each of these alone leads to root on the host, or past its network. */
const dangerousCapabilities = new Set(
  ['ALL', 'SYS_ADMIN', 'SYS_MODULE', 'SYS_PTRACE', 'SYS_RAWIO', 'SYS_BOOT', 'DAC_READ_SEARCH', 'BPF', 'NET_ADMIN', 'MAC_ADMIN', 'PERFMON'],
);

/** Everything in the merged file that would reach past the project, or break out of the place it is rendered into. */
export async function safetyFindings(input: SafetyInput): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, service] of Object.entries(input.model.services)) {
    const allowances = input.allowances.get(name) ?? [];
    findings.push(...nameFindings(name, service), ...imageFindings(name, service));
    findings.push(...valueFindings(name, service), ...powerFindings(name, service, allowances));
  }
  findings.push(...resourceNameFindings(input.model), ...(await mountFindings(input)));
  return findings;
}

function nameFindings(name: string, service: ComposeService): Finding[] {
  const path = ['services', name];
  const findings: Finding[] = [];
  if (!serviceNamePattern.test(name)) {
    const mend = 'use up to 50 letters, digits and . _ -, beginning with a letter or digit';
    findings.push({ path, message: 'not a name for a service', mend });
  }
  const names: [Finding['path'], unknown][] = [
    [path, name],
    [[...path, 'container_name'], service.container_name],
    [[...path, 'hostname'], service['hostname']],
    ...aliases(name, service),
  ];
  for (const [place, text] of names) {
    if (typeof text !== 'string') continue;
    if (text.startsWith(reservedPrefix)) {
      findings.push({ path: place, message: `names that begin with ${reservedPrefix} are the platform's`, mend: 'give another name' });
    } else if (place !== path && !engineNamePattern.test(text)) {
      findings.push({ path: place, message: `${quoted(text)} is not a name`, mend: 'use letters, digits and . _ -', hint: text });
    }
  }
  return findings;
}

function aliases(name: string, service: ComposeService): [Finding['path'], unknown][] {
  return Object.entries(service.networks ?? {}).flatMap(([network, options]) =>
    (options?.aliases ?? []).map((alias): [Finding['path'], unknown] => [['services', name, 'networks', network, 'aliases'], alias]),
  );
}

function imageFindings(name: string, { image }: ComposeService): Finding[] {
  if (image === undefined || (image.length <= 400 && imageReferencePattern.test(image))) return [];
  const mend = 'write it as registry/name:tag, in lower case';
  return [{ path: ['services', name, 'image'], message: `${quoted(image)} is not an image reference`, mend }];
}

function valueFindings(name: string, service: ComposeService): Finding[] {
  const findings: Finding[] = [];
  for (const [variable, value] of Object.entries(service.environment ?? {})) {
    const path = ['services', name, 'environment', variable];
    if (!variablePattern.test(variable)) {
      findings.push({ path, message: `${quoted(variable)} is not a name for a variable`, mend: 'use letters, digits and _', hint: variable });
    }
    if (value?.includes('\0') === true) findings.push({ path, message: 'the value has a NUL character', mend: 'take it out' });
  }
  for (const [label, value] of Object.entries(service.labels ?? {})) {
    const path = ['services', name, 'labels', label];
    if (reservedLabels.some((prefix) => label.startsWith(prefix))) {
      findings.push({ path, message: `the label ${quoted(label)} is the platform's`, mend: 'take it out', hint: label });
    }
    if (controlCharacters.test(label) || controlCharacters.test(value)) {
      findings.push({ path, message: 'the label has a control character', mend: 'keep labels on one line', hint: label });
    }
  }
  const { stop_signal: signal } = service;
  if (signal !== undefined && !/^(?:[A-Z][A-Z0-9+-]{1,20}|\d{1,2})$/.test(signal)) {
    findings.push({ path: ['services', name, 'stop_signal'], message: 'not a signal', mend: 'write it as SIGTERM' });
  }
  return findings;
}

function resourceNameFindings(model: ComposeModel): Finding[] {
  const findings: Finding[] = [];
  for (const kind of ['volumes', 'networks'] as const) {
    for (const [key, resource] of Object.entries(model[kind] ?? {})) {
      const name = typeof resource?.['name'] === 'string' ? resource['name'] : key;
      const reserved = key.startsWith(reservedPrefix);
      if (!reserved && engineNamePattern.test(name)) continue;
      const message = reserved ? `names that begin with ${reservedPrefix} are the platform's` : `${quoted(name)} is not a name`;
      findings.push({ path: [kind, key], message, mend: 'use other letters, digits and . _ -' });
    }
  }
  return findings;
}

/** Keys that give a container power over its host, unless they are allowed by name. */
function powerFindings(name: string, service: ComposeService, allowances: Allowance[]): Finding[] {
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
    const mode = String(service[key] ?? '');
    if (mode === 'host' || mode.startsWith('container:')) found.push([key, key, `${key}: ${mode}`]);
  }
  if (service['cgroup_parent'] !== undefined) found.push(['cgroup', 'cgroup_parent', 'cgroup_parent']);
  for (const key of ['devices', 'device_cgroup_rules']) {
    if (list(service[key]).length > 0) found.push(['devices', key, key]);
  }
  const capability = list(service['cap_add']).map(capabilityName).find((cap) => dangerousCapabilities.has(cap));
  if (capability !== undefined) found.push(['cap_add', 'cap_add', `the capability ${capability}`]);
  const option = list(service['security_opt']).map(String).find((text) => !harmlessSecurityOption.test(text));
  if (option !== undefined) found.push(['security_opt', 'security_opt', quoted(option)]);
  return [...found, ...indirectPowers(service)];
}

/** Also `seccomp=FILE`, which Compose would read from anywhere. */
const harmlessSecurityOption = /^(?:no-new-privileges(?:[:=]true)?|apparmor[:=]docker-default)$/;

/** Keys of newer Compose versions that do the same by another way. */
function indirectPowers(service: ComposeService): [Option, string, string][] {
  const found: [Option, string, string][] = [];
  for (const key of ['post_start', 'pre_stop']) {
    const privileged = list(service[key]).some((hook) => (hook as { privileged?: boolean } | null)?.privileged === true);
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
  if (service.network_mode?.startsWith('container:') === true) found.push(['network_mode', 'the network of another container']);
  if (list(service['volumes_from']).some((from) => String(from).startsWith('container:'))) {
    found.push(['volumes_from', 'the volumes of a container outside the project']);
  }
  if (service['provider'] !== undefined) found.push(['provider', 'a provider, which runs a program on this machine,']);
  if (service['use_api_socket'] === true) found.push(['use_api_socket', 'the Docker socket in a container']);
  return found;
}

function capabilityName(value: unknown): string {
  return String(value).toUpperCase().replace(/^CAP_/, '');
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

