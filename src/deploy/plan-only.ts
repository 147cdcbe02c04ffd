import type { Session } from './session.ts';
import { routedServices } from '../traffic/routed.ts';
import { BalancerPool } from './context.ts';
import { formerCheck } from './former-project.ts';
import { observe } from './observe.ts';
import { keepsImages, type DeployOptions } from './options.ts';
import { glance, type Situation } from './situation.ts';
import type { PlannedStep } from './step.ts';
import { contentFrom, stepsFor } from './wanted.ts';

/** The steps that a deploy would take, without taking any or changing anything. */
export async function planOnly(session: Session, options: DeployOptions): Promise<PlannedStep[]> {
  const situation = await glance(session, options.rebuild);
  for (const { detail } of await formerCheck(session, situation)) session.emit({ kind: 'warning', text: detail });
  const { content, former } = await contentFrom(session, situation, options);
  const pool = new BalancerPool(session.engine, content.project);
  try {
    const services = routedServices(content.services, former?.services ?? []);
    const { engine, parts } = session;
    const seen = await observe({
      engine,
      project: content.project,
      services,
      balancers: await pool.get(),
      applied: situation.applied,
      parts,
    });
    const images = keepsImages(options) ? [] : imageSteps(situation);
    return [...images, ...numberedFrom(images.length, stepsFor(session, { content, former }, seen, options))];
  } finally {
    pool.close();
  }
}

function imageSteps({ images }: Situation): PlannedStep[] {
  return images
    .filter(({ work }) => work !== undefined)
    .map(({ service, work, because }, index) => ({
      id: String(index + 1),
      title: `${work} the image of ${service}`,
      cause:
        because ?? (work === 'build' ? 'no image was built from these sources yet' : 'the engine does not have it'),
    }));
}

function numberedFrom(before: number, steps: PlannedStep[]): PlannedStep[] {
  return steps.map((step, index) => ({ ...step, id: String(before + index + 1) }));
}
