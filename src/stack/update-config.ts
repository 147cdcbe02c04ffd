import type { ComposeService } from './stack.ts';

/** The reason of a service that could surge, and is to stop first. It may have several replicas: they all stop first. */
export const orderedStop = 'has `update_config.order: stop-first`';

/** Undefined: the file leaves it to Horme. */
export function writtenOrder({ deploy }: ComposeService): 'stop-first' | 'start-first' | undefined {
  const order = deploy?.update_config?.['order'];
  return order === 'stop-first' || order === 'start-first' ? order : undefined;
}

/** Of `update_config` and `rollback_config`, which Compose itself reads nowhere: what Horme does in their place. */
const instead: Record<string, (value: unknown) => string | undefined> = {
  parallelism: (value) =>
    value === 0 ? undefined : 'new replicas start all at once, or as many as the reservations leave room for',
  delay: () => 'the next step begins when the replicas are ready',
  failure_action: (value) => (value === 'rollback' ? undefined : 'a release that fails goes back'),
  monitor: () => '`x-horme.deploy.watch` is how long new replicas are watched',
  max_failure_ratio: () => 'one replica that fails ends the rollout',
};

export function updateWarnings(name: string, { deploy }: ComposeService): string[] {
  const update = Object.entries(deploy?.update_config ?? {}).flatMap(([key, value]) => {
    const told = instead[key]?.(value);
    return told === undefined ? [] : [`${name}: deploy.update_config.${key} is not read: ${told}`];
  });
  const back = Object.keys(deploy?.rollback_config ?? {});
  if (back.length === 0) return update;
  return [
    ...update,
    `${name}: deploy.rollback_config (${back.join(', ')}) is not read: going back is done as a deploy is`,
  ];
}
