import { stableJson } from '../fingerprint.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Prepared } from '../release/prepare.ts';
import { presentOf } from '../release/present.ts';
import type { ReleaseContent } from '../release/release.ts';
import { unmadeVault } from '../release/vault.ts';
import type { Session } from './session.ts';
import type { Seen } from './observe.ts';
import type { DeployOptions } from './options.ts';
import { plan } from './plan.ts';
import type { PlanOptions, Step } from './step.ts';
import { preparedFrom, type Situation } from './situation.ts';

/** What should run, and what was live before it. */
export interface Wanted {
  content: ReleaseContent;
  prepared: Prepared | undefined;
  former: ReleaseContent | undefined;
}

/** From the files, or from the ledger for a rollback and a scaling. */
export async function contentFrom(session: Session, situation: Situation, options: DeployOptions): Promise<Wanted> {
  // A recovery starts on an empty machine: nothing of the previous release runs there.
  const former = options.kind === 'recover' ? undefined : situation.live;
  const vault = situation.vault ?? unmadeVault;
  if (options.rollbackTo)
    return { content: presentOf(options.rollbackTo, vault, session.parts), prepared: undefined, former };
  if (options.scale && !former) throw notDeployed(session.stack.project);
  if (options.scale && former) return { content: scaled(former, options.scale), prepared: undefined, former };
  const names = session.stack.services.map(({ name }) => name).filter((name) => !options.services.includes(name));
  if (options.platformOnly && !former) throw notDeployed(session.stack.project);
  const kept = former && only(options) ? { former, names } : undefined;
  const prepared = await preparedFrom(session, situation, kept);
  return { content: prepared.content, prepared, former };
}

/** A release's inputs besides the files: if they are unchanged under the lock, so is the release. */
export const madeOf = ({ images, platformIds, vault, settings, live }: Omit<Situation, 'store'>): string =>
  stableJson({
    images: images.map(({ service, reference, image }) => [service, reference, image?.id]),
    platformIds,
    vault,
    scale: settings.scale,
    live: live?.services.map(({ name, spec, replicas }) => [name, spec, replicas]),
  });

/** The user's services that are to be deployed; undefined: all. */
const only = ({ services, platformOnly }: DeployOptions) =>
  platformOnly || services.length > 0 ? services : undefined;

/** The live release with other numbers of replicas. */
function scaled(live: ReleaseContent, replicas: Record<string, number>): ReleaseContent {
  const services = live.services.map((service) => ({
    ...service,
    replicas: replicas[service.name] ?? service.replicas,
  }));
  const definitions = Object.entries(live.compose.services).map(([name, definition]) => {
    const count = replicas[name];
    return [
      name,
      count === undefined ? definition : { ...definition, deploy: { ...definition.deploy, replicas: count } },
    ];
  });
  return {
    ...live,
    services,
    compose: { ...live.compose, services: Object.fromEntries(definitions) as ReleaseContent['compose']['services'] },
  };
}

export function stepsFor(
  { parts }: Pick<Session, 'parts'>,
  { content, former }: Pick<Wanted, 'content' | 'former'>,
  seen: Seen,
  options: DeployOptions,
): Step[] {
  const how: PlanOptions = {
    migrate: options.rollbackTo === undefined && options.scale === undefined,
    watchSeconds: options.watchSeconds ?? content.watchSeconds,
    majorUpgrade: options.platformOnly,
    swap: options.swap?.stamp,
    only: only(options),
    former: former?.services ?? [],
  };
  return plan(content, seen, how, parts);
}

function notDeployed(project: string): OperatorError {
  return new OperatorError(`${project} is not deployed yet`, {
    code: 'not-deployed',
    exitCode: exitCodes.usage,
    next: 'horme deploy',
  });
}
