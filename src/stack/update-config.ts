import type { ComposeService } from '../engine/compose-model.ts';

/** The reason of a service that could surge, and is to stop first. It may have several replicas: they all stop first. */
export const orderedStop = 'has `update_config.order: stop-first`';

/** Undefined: the file leaves it to Horme. */
export function writtenOrder({ deploy }: ComposeService): 'stop-first' | 'start-first' | undefined {
  const order = deploy?.update_config?.['order'];
  return order === 'stop-first' || order === 'start-first' ? order : undefined;
}
