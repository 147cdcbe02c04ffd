import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Session } from './session.ts';
import type { Check } from './check.ts';
import type { Situation } from './situation.ts';

type Where = Pick<Session, 'engine' | 'stack'>;

/** Containers and volumes that `docker compose up` made before Horme; their project is named like the application. */
interface FormerProject {
  containers: string[];
  volumes: string[];
}

async function formerProject({ engine, stack }: Where): Promise<FormerProject> {
  const project = { [labels.composeProject]: stack.name };
  const [containers, volumes] = await Promise.all([engine.containers(project), engine.volumes(project)]);
  const others = containers.filter(
    ({ labels: own, state }) => own[labels.project] === undefined && state === 'running',
  );
  const plain = volumes.filter(({ labels: own }) => own[labels.project] === undefined);
  return { containers: others.map(({ name }) => name), volumes: plain.map(({ name }) => name) };
}

/** Checked only before the first release: an operator who runs both afterwards does so knowingly. */
export async function formerCheck(session: Where, { live }: Pick<Situation, 'live'>): Promise<Check[]> {
  if (live) return [];
  const found = await formerProject(session);
  if (found.containers.length > 0) return [{ name: 'former project', ok: false, detail: runsText(session, found) }];
  if (found.volumes.length === 0) return [];
  const detail = `${found.volumes.join(', ')} of docker compose's project ${session.stack.name} stay unused; ${keepText(found)}`;
  return [{ name: 'former project', ok: true, detail }];
}

/** Otherwise the first release would start beside the old project with empty volumes and still be reported as live. */
export async function refuseFormerProject(session: Where, situation: Pick<Situation, 'live'>): Promise<void> {
  const [check] = await formerCheck(session, situation);
  if (!check || check.ok) return;
  throw new OperatorError(check.detail, {
    code: 'former-project',
    exitCode: exitCodes.checkFailed,
    next: `docker compose --project-name ${session.stack.name} down   (keeps its volumes), then: horme deploy`,
  });
}

function runsText({ stack }: Where, found: FormerProject): string {
  const data = found.volumes.length === 0 ? '' : ` Its data is in ${found.volumes.join(', ')}: ${keepText(found)}.`;
  return `${found.containers.join(', ')} of docker compose's project ${stack.name} run: the first release would start beside them.${data}`;
}

/** Compose names its volumes `<project>_<key>`. */
function keepText({ volumes: [volume = ''] }: FormerProject): string {
  const key = volume.slice(volume.indexOf('_') + 1);
  return `to go on with it, write \`volumes: { ${key}: { name: ${volume}, external: true } }\``;
}
