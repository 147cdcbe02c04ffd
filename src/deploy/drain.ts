import { haproxyServices } from '../traffic/names.ts';
import { setTimeout as wait } from 'node:timers/promises';
import type { Sessions } from '../traffic/balancers.ts';
import type { ReleaseService } from '../release/release.ts';
import { isPlatformName } from '../stack/platform-names.ts';
import type { Context } from './context.ts';
import { preStop } from './hooks.ts';
import type { Target } from './step.ts';

/** Interval between two queries of HAProxy's sessions; a query takes about 1 ms. */
const pollMilliseconds = 20;

/** The targets get no new requests from here on. */
export async function beginDrain(context: Context, targets: Target[]): Promise<void> {
  const balancers = await context.balancers.must();
  await Promise.all(byService(context, targets).map(({ service, own }) => balancers.drain(service, own.map(nameOf))));
  for (const { name } of targets) context.draining.set(name, performance.now());
}

/** Returns when the requests in flight have ended, or their time is up. */
export async function awaitDrained(context: Context, targets: Target[]): Promise<void> {
  await Promise.all(byService(context, targets).map((group) => eachDrained(context, group, () => undefined)));
}

/**
 * Stops each replica as soon as its requests have ended. Platform replicas stop last, since they serve the others until
 * then. Replicas that still hold WebSockets or event streams when their time is up stop one after another, so that
 * their clients don't all reconnect at once.
 */
export async function stopReplicas(context: Context, stepId: string, targets: Target[], keep = false): Promise<void> {
  const platform = targets.filter(({ service }) => isPlatformName(service));
  const users = targets.filter((target) => !platform.includes(target));
  await stopUsers(context, stepId, users, keep);
  // A HAProxy that stops waits for every open connection, including ours.
  if (platform.some(({ service }) => haproxyServices.includes(service))) context.balancers.close();
  await Promise.all(platform.map((target) => stopOne(context, target, keep)));
}

async function stopUsers(context: Context, stepId: string, targets: Target[], keep: boolean): Promise<void> {
  const ending: Promise<void>[] = [];
  const end = (target: Target) => {
    const ended = stopOne(context, target, keep);
    // Awaited below, after the others: this only prevents an unhandled rejection.
    ended.catch(() => undefined);
    ending.push(ended);
    return ended;
  };
  const routed = byService(context, targets).filter(({ service }) => service.routes.length > 0);
  try {
    for (const target of targets) if (!routed.some(({ own }) => own.includes(target))) void end(target);
    await Promise.all(
      routed.map(async (group) => {
        const held: Target[] = [];
        await eachDrained(context, group, (target, rest) => {
          tellUnended(context, stepId, target, rest, group.service);
          if (rest.longLived > 0) held.push(target);
          else void end(target);
        });
        for (const target of held) await end(target);
      }),
    );
  } finally {
    await Promise.allSettled(ending);
  }
  await Promise.all(ending);
}

/**
 * Calls `onDrained` for each replica once its requests have ended or their time is up, with the sessions that remain.
 */
async function eachDrained(
  context: Context,
  { service, own }: { service: ReleaseService; own: Target[] },
  onDrained: (target: Target, rest: Sessions) => void,
): Promise<void> {
  const left = new Set(own);
  const began = performance.now();
  for (;;) {
    // Without a HAProxy no replica has requests.
    const balancers = await context.balancers.kept();
    const sessions = (await balancers?.sessions(service, [...left].map(nameOf))) ?? {};
    for (const target of left) {
      const rest = sessions[target.name] ?? { ordinary: 0, longLived: 0 };
      const seconds = (performance.now() - (context.draining.get(target.name) ?? began)) / 1000;
      if (rest.ordinary > 0 && seconds < service.drainSeconds) continue;
      if (rest.longLived > 0 && seconds < service.longLivedSeconds) continue;
      left.delete(target);
      onDrained(target, rest);
    }
    if (left.size === 0) return;
    await wait(pollMilliseconds, undefined, { signal: context.signal });
  }
}

function tellUnended(
  { emit }: Context,
  stepId: string,
  { name }: Target,
  { ordinary, longLived }: Sessions,
  { drainSeconds }: ReleaseService,
): void {
  const requests = ordinary === 1 ? '1 request still runs' : `${ordinary} requests still run`;
  if (ordinary > 0) emit({ kind: 'warning', text: `${name}: ${requests} after ${drainSeconds} s of draining` });
  if (longLived === 0) return;
  const connections = longLived === 1 ? '1 long-lived connection goes' : `${longLived} long-lived connections go`;
  emit({ kind: 'step-progress', id: stepId, detail: `${connections} on until ${name} ends` });
}

const nameOf = ({ name }: Target) => name;

async function stopOne(context: Context, target: Target, keep: boolean): Promise<void> {
  const service = known(context, target.service);
  const seconds = service?.stopSeconds ?? 10;
  context.guard?.leaving([target.name]);
  await preStop(context.engine, target, seconds, context.emit);
  await context.engine.stop(target.id, seconds);
  await tellDeaf(context, target, seconds);
  const balancers = service && service.routes.length > 0 ? await context.balancers.kept() : undefined;
  if (service && balancers) await balancers.release(service, [target.name]);
  if (!keep) await context.engine.remove(target.id);
}

/**
 * Warns when a container was killed after its grace period: PID 1 has no default SIGTERM handler, and many shells don't
 * forward the signal.
 */
async function tellDeaf({ engine, emit }: Context, { id, name, service }: Target, seconds: number): Promise<void> {
  const details = await engine.inspect(id);
  if (details?.exitCode !== killed || details.oomKilled) return;
  const mend = `handle the signal, or set init: true under services.${service}`;
  emit({ kind: 'warning', text: `${name} did not end within ${seconds} s of its stop signal and was killed: ${mend}` });
}

/** Exit code after SIGKILL: 128 + 9. */
const killed = 137;

export async function forget(context: Context, slots: { service: string; name: string }[]): Promise<void> {
  const balancers = await context.balancers.must();
  for (const { service, name } of slots) {
    const found = known(context, service);
    if (found) await balancers.release(found, [name]);
  }
}

/** Looks among the routed services first: they also have the ports of the previous release. */
function known(context: Context, name: string): ReleaseService | undefined {
  return [...context.routed, ...context.content.services].find((service) => service.name === name);
}

function byService(context: Context, targets: Target[]): { service: ReleaseService; own: Target[] }[] {
  return [...new Set(targets.map(({ service }) => service))].flatMap((name) => {
    const service = known(context, name);
    return service ? [{ service, own: targets.filter((target) => target.service === name) }] : [];
  });
}
