import type { Sections } from '../sections.ts';
import type { Environment, Stack } from '../stack/stack.ts';

/** A stack of which nothing is known but its name: on an empty machine no Compose file says more. */
export function emptyStack(
  { name, project, environment }: { name: string; project: string; environment: string },
  own: {
    parts?: Sections;
    directory?: string;
    place?: Pick<Environment, 'domain' | 'ports'>;
    watchSeconds?: number;
  },
): Stack {
  return {
    name,
    environment: { name: environment, context: undefined, domain: '', ports: { http: 80, https: 443 }, ...own.place },
    project,
    directory: own.directory ?? process.cwd(),
    files: [],
    services: [],
    model: { name: project, services: {} },
    parts: own.parts ?? {},
    fileVariables: {},
    watchSeconds: own.watchSeconds ?? 0,
    sourceProblems: [],
    warnings: [],
  };
}
