import type { ComposeService } from '../engine/compose-model.ts';

/** Stop-first reason of a service that could surge but whose file orders stop-first. All of its replicas stop first. */
export const orderedStop = 'has `update_config.order: stop-first`';

/** The order from the file; undefined: Horme decides. */
export function writtenOrder({ deploy }: ComposeService): 'stop-first' | 'start-first' | undefined {
  const order = deploy?.update_config?.['order'];
  return order === 'stop-first' || order === 'start-first' ? order : undefined;
}
