import type { Finding } from './locate.ts';
import { nearest } from './nearest.ts';
import type { EnvironmentExtension } from './schema.ts';
import type { Environment } from './stack.ts';

export const localEnvironment = 'local';
/** Ports above 1024 need no root, and a developer's machine often uses 80 and 443 already. */
const localPorts = { http: 8080, https: 8443 };
const publicPorts = { http: 80, https: 443 };

/** The environment's name, or what is wrong with the choice. */
export function chooseEnvironment(
  asked: string | undefined,
  declared: readonly string[],
  processEnvironment: NodeJS.ProcessEnv,
): string | Finding {
  const fromVariable = processEnvironment['HORME_ENV'];
  const wanted = asked ?? (fromVariable === '' ? undefined : fromVariable);
  if (wanted !== undefined) return known(wanted, declared);
  const [only, second] = declared;
  if (only === undefined || (second !== undefined && declared.includes(localEnvironment))) return localEnvironment;
  if (second === undefined) return only;
  return {
    path: ['x-horme', 'environments'],
    message: `several environments are declared (${declared.join(', ')}) and none was chosen`,
    mend: `add --env ${only} before the command, or set HORME_ENV`,
  };
}

function known(wanted: string, declared: readonly string[]): string | Finding {
  if (declared.includes(wanted) || wanted === localEnvironment) return wanted;
  const names = [...new Set([...declared, localEnvironment])];
  const near = nearest(wanted, names);
  return {
    path: ['x-horme', 'environments'],
    message: `the environment ${JSON.stringify(wanted.slice(0, 60))} is not declared; there are ${names.join(', ')}`,
    mend: near === undefined ? 'declare it, or choose one of these' : `did you mean "${near}"?`,
  };
}

/** `local` needs no declaration: its names end in .localhost, which every browser resolves to this machine. */
export function localDomain(stackName: string): string {
  return `${stackName.replaceAll('_', '-').replace(/-+$/, '')}.localhost`;
}

export function buildEnvironment(
  name: string,
  stackName: string,
  declared: EnvironmentExtension | undefined,
): { environment: Environment; findings: Finding[] } {
  const isLocal = name === localEnvironment;
  const findings: Finding[] = [];
  if (declared?.domain === undefined && !isLocal) {
    const path = ['x-horme', 'environments', name];
    findings.push({ path, message: 'the environment has no domain', mend: 'add `domain: example.com`' });
  }
  const ports = { ...(isLocal ? localPorts : publicPorts), ...defined(declared?.ports) };
  if (ports.http === ports.https) {
    const path = ['x-horme', 'environments', name, 'ports'];
    findings.push({ path, message: 'http and https have the same port', mend: 'give two ports' });
  }
  const domain = declared?.domain ?? localDomain(stackName);
  return { environment: { name, domain, context: declared?.context, ports }, findings };
}

function defined(ports: { http?: number | undefined; https?: number | undefined } | undefined) {
  return Object.fromEntries(Object.entries(ports ?? {}).filter(([, port]) => port !== undefined));
}
