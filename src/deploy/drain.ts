import { haproxyServices } from '../edge/part.ts';
import type { ReleaseService } from '../release/release.ts';
import { until, type Context } from './context.ts';
import { preStop } from './hooks.ts';
import type { Target } from './step.ts';

/** How often HAProxy is asked for sessions; a question takes about a millisecond. */
const pollMilliseconds = 20;

/** No new request from here on; returns when those in flight have ended, or their time is up. */
export async function drain(context: Context, stepId: string, targets: Target[]): Promise<void> {
  const balancers = await context.balancers.must();
  const groups = byService(context, targets);
  await Promise.all(groups.map(({ service, names }) => balancers.drain(service, names)));
  await Promise.all(
    groups.map(async ({ service, names }) => {
      const options = { everyMilliseconds: pollMilliseconds, signal: context.signal };
      const total = async (kind: 'ordinary' | 'longLived') =>
        Object.values(await balancers.sessions(service, names)).reduce((sum, sessions) => sum + sessions[kind], 0);
      const ended = await until(async () => (await total('ordinary')) === 0, {
        ...options,
        seconds: service.drainSeconds,
      });
      if (!ended) {
        context.emit({
          kind: 'warning',
          text: `${service.name}: ${await total('ordinary')} requests still run after ${service.drainSeconds} s of draining`,
        });
      }
      await until(async () => (await total('longLived')) === 0, { ...options, seconds: service.longLivedSeconds });
      const left = await total('longLived');
      if (left > 0)
        context.emit({
          kind: 'step-progress',
          id: stepId,
          detail: `${left} long-lived connections of ${service.name} go on until their replica ends`,
        });
    }),
  );
}

/**
 * Ends replicas. Those that still hold WebSockets or event streams end one after another, so that their clients don't all
 * reconnect at once; the others all together.
 */
export async function stopReplicas(context: Context, targets: Target[], keep = false): Promise<void> {
  const balancers = await context.balancers.get();
  const held = new Set<string>();
  for (const { service, names } of byService(context, targets)) {
    if (!balancers || service.routes.length === 0) continue;
    const sessions = await balancers.sessions(service, names);
    names.filter((name) => (sessions[name]?.longLived ?? 0) > 0).forEach((name) => held.add(name));
  }
  // A HAProxy that is to end waits for every conversation to end first, ours too.
  if (targets.some(({ service }) => haproxyServices.includes(service))) context.balancers.close();
  await Promise.all(targets.filter(({ name }) => !held.has(name)).map((target) => stopOne(context, target, keep)));
  for (const target of targets.filter(({ name }) => held.has(name))) await stopOne(context, target, keep);
}

async function stopOne(context: Context, target: Target, keep: boolean): Promise<void> {
  const service = known(context, target.service);
  const seconds = service?.stopSeconds ?? 10;
  await preStop(context.engine, target, seconds, context.emit);
  await context.engine.stop(target.id, seconds);
  await tellDeaf(context, target, seconds);
  const balancers = service && service.routes.length > 0 ? await context.balancers.get() : undefined;
  if (service && balancers) await balancers.release(service, [target.name]);
  if (!keep) await context.engine.remove(target.id);
}

/** Killed at the end of its grace: a program that is process 1 has no default for SIGTERM, and many shells pass none on. */
async function tellDeaf({ engine, emit }: Context, { id, name, service }: Target, seconds: number): Promise<void> {
  const details = await engine.inspect(id);
  if (details?.exitCode !== killed || details.oomKilled) return;
  const mend = `handle the signal, or set init: true under services.${service}`;
  emit({ kind: 'warning', text: `${name} did not end within ${seconds} s of its stop signal and was killed: ${mend}` });
}

/** SIGKILL, as shells have it. */
const killed = 137;

export async function forget(context: Context, slots: { service: string; name: string }[]): Promise<void> {
  const balancers = await context.balancers.must();
  for (const { service, name } of slots) {
    const found = known(context, service);
    if (found) await balancers.release(found, [name]);
  }
}

/** By the routed services first, which also know the ports that the release before had. */
function known(context: Context, name: string): ReleaseService | undefined {
  return [...context.routed, ...context.content.services].find((service) => service.name === name);
}

function byService(context: Context, targets: Target[]): { service: ReleaseService; names: string[] }[] {
  return [...new Set(targets.map(({ service }) => service))].flatMap((name) => {
    const service = known(context, name);
    return service
      ? [{ service, names: targets.filter((target) => target.service === name).map((target) => target.name) }]
      : [];
  });
}
