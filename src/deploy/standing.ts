import { OperatorError, exitCodes } from '../errors.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { Seen, SeenReplica } from './observe.ts';
import type { DeployOptions } from './options.ts';

const traffic = { ready: 'with traffic', drain: 'draining', mixed: 'half admitted', absent: 'without traffic' };

/** The error after Ctrl-C or a lost lock (`lost` names its new holder): what runs now, and how to continue. */
export function interrupted(
  seen: Seen,
  content: ReleaseContent,
  next: string,
  cause: unknown,
  lost: AbortSignal,
): OperatorError {
  const taken: unknown = lost.reason;
  if (taken instanceof OperatorError)
    return new OperatorError(`${taken.message}: this run ended between two steps\n${standing(seen, content)}`, {
      code: taken.code,
      exitCode: taken.exitCode,
      next: `horme status; when the other has ended: ${next}`,
      cause,
    });
  return new OperatorError(`interrupted between two steps; what is there now:\n${standing(seen, content)}`, {
    code: 'interrupted',
    exitCode: exitCodes.interrupted,
    next,
    cause,
  });
}

/** `live`: the number of the release that was live before; undefined: there was none. */
export function nextAfter(options: DeployOptions, live: number | undefined): string {
  const { kind, platformOnly, rotate, services } = options;
  // A plain deploy takes the files: it would not continue a restore, a rollback or an upgrade of the database.
  if (kind !== 'deploy' || platformOnly || rotate || services.length > 0) return 'run the same command again';
  const back = live === undefined ? '' : `   (goes on from here), or: horme rollback ${live}   (back to what was live)`;
  return `horme deploy${back}`;
}

/** One line for each of the user's services, and for each platform service that does not run. */
export function standing(seen: Seen, content: ReleaseContent): string {
  const lines = content.services.flatMap(({ name, owner, routes }) => {
    const own = seen.replicas.filter(({ service }) => service === name);
    if (owner !== 'user' && own.some(({ running }) => running)) return [];
    return [`  ${name}: ${own.length === 0 ? 'nothing runs' : counted(own, routes.length > 0)}`];
  });
  return lines.join('\n');
}

function counted(replicas: SeenReplica[], routed: boolean): string {
  const groups = new Map<string, number>();
  for (const { running, release, membership } of replicas) {
    const state = running ? (routed ? `running, ${traffic[membership]}` : 'running') : 'not running';
    const words = `of release ${release} ${state}`;
    groups.set(words, (groups.get(words) ?? 0) + 1);
  }
  return [...groups].map(([words, count]) => `${count} ${words}`).join('; ');
}
