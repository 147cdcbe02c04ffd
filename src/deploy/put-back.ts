import type { ReleaseContent } from '../release/release.ts';
import type { Context } from './context.ts';
import type { Seen } from './observe.ts';

/**
 * Undoes a drain: readmits the old replicas that HAProxy still knows, and drains the new ones. If it knows no old
 * replica, the new ones keep their traffic. `fresh`: the most suspect first.
 */
export async function putBack(context: Context, name: string, old: string[], fresh: string[]): Promise<void> {
  const service = context.routed.find((one) => one.name === name);
  const balancers = await context.balancers.kept();
  if (!service || !balancers) return;
  const known = Object.keys((await balancers.membership([service]))[name] ?? {});
  // A replica that was replaced in place has the same name as its predecessor, which is gone.
  const there = old.filter((one) => known.includes(one) && !fresh.includes(one));
  if (there.length === 0) return;
  await balancers.readmit(service, there);
  // One for one: earlier batches have already stopped their old replicas, so the remaining new ones must carry that
  // load.
  await balancers.drain(service, fresh.filter((one) => known.includes(one)).slice(0, there.length));
}

/**
 * Runs before the rollback's plan: one service that can't be restored must not keep the others away from their users.
 */
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
