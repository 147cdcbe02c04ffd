import type { ReleaseContent } from '../release/release.ts';
import type { Context } from './context.ts';
import type { Seen } from './observe.ts';

/**
 * Gives old replicas that HAProxy still knows all requests again, and the new ones none; where it knows no old one, the new
 * ones keep theirs. The undo of a drain. `fresh`: the most suspect first.
 */
export async function putBack(context: Context, name: string, old: string[], fresh: string[]): Promise<void> {
  const service = context.routed.find((one) => one.name === name);
  const balancers = await context.balancers.kept();
  if (!service || !balancers) return;
  const known = Object.keys((await balancers.membership([service]))[name] ?? {});
  // A successor in place has the name of the one before, which is gone.
  const there = old.filter((one) => known.includes(one) && !fresh.includes(one));
  if (there.length === 0) return;
  await balancers.readmit(service, there);
  // One for one: of batches that have ended their old replicas, the new ones must carry the rest.
  await balancers.drain(service, fresh.filter((one) => known.includes(one)).slice(0, there.length));
}

/** Goes before all that the way back plans: a service that can't be brought back must not keep the others from their users. */
export async function putBackAll(context: Context, former: ReleaseContent, { replicas }: Seen): Promise<void> {
  for (const { name, spec, routes } of former.services) {
    const running = replicas.filter((one) => one.service === name && one.running);
    const drained = running.filter((one) => one.spec === spec && one.membership !== 'ready');
    if (routes.length === 0 || drained.length === 0) continue;
    const names = (own: typeof running) => own.map((one) => one.name);
    await putBack(
      context,
      name,
      names(running.filter((one) => one.spec === spec)),
      names(running.filter((one) => one.spec !== spec)),
    );
  }
}
