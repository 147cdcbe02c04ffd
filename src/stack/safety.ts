import type { Finding } from './locate.ts';
import { isPlatformName, platformPrefix } from './platform-names.ts';
import { mountFindings, type SafetyInput } from './mounts.ts';
import {
  controlCharacters,
  engineNamePattern,
  imageReferencePattern,
  serviceNamePattern,
  variablePattern,
} from './patterns.ts';
import { powerFindings } from './powers.ts';
import type { ComposeModel, ComposeService } from '../engine/compose-model.ts';

/** Label prefixes of Horme and Compose. */
const reservedLabels = ['horme.', 'com.docker.compose.'];
/** Findings for values that reach outside the project, or could break out of the files they are rendered into. */
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
    if (isPlatformName(text)) {
      findings.push({
        path: place,
        message: `names that begin with ${platformPrefix} are the platform's`,
        mend: 'give another name',
      });
    } else if (place !== path && !engineNamePattern.test(text)) {
      findings.push({
        path: place,
        message: `${quoted(text)} is not a name`,
        mend: 'use letters, digits and . _ -',
        hint: text,
      });
    }
  }
  return findings;
}

function aliases(name: string, service: ComposeService): [Finding['path'], unknown][] {
  return Object.entries(service.networks ?? {}).flatMap(([network, options]) =>
    (options?.aliases ?? []).map((alias): [Finding['path'], unknown] => [
      ['services', name, 'networks', network, 'aliases'],
      alias,
    ]),
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
      findings.push({
        path,
        message: `${quoted(variable)} is not a name for a variable`,
        mend: 'use letters, digits and _',
        hint: variable,
      });
    }
    if (value?.includes('\0') === true)
      findings.push({ path, message: 'the value has a NUL character', mend: 'take it out' });
  }
  for (const [label, value] of Object.entries(service.labels ?? {})) {
    const path = ['services', name, 'labels', label];
    if (reservedLabels.some((prefix) => label.startsWith(prefix))) {
      findings.push({
        path,
        message: `the label ${quoted(label)} is the platform's`,
        mend: 'take it out',
        hint: label,
      });
    }
    if (controlCharacters.test(label) || controlCharacters.test(value)) {
      findings.push({
        path,
        message: 'the label has a control character',
        mend: 'keep labels on one line',
        hint: label,
      });
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
      const reserved = isPlatformName(key);
      if (!reserved && engineNamePattern.test(name)) continue;
      const message = reserved
        ? `names that begin with ${platformPrefix} are the platform's`
        : `${quoted(name)} is not a name`;
      findings.push({ path: [kind, key], message, mend: 'use other letters, digits and . _ -' });
    }
  }
  return findings;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
