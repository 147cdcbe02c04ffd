import type { Action } from '../../deploy/step.ts';

export type EdgeAct =
  /** Files of a program that doesn't run yet and will read them when it starts. */
  | { do: 'write'; nginx: boolean; haproxy: boolean }
  /** `keepFormer`: with the backends that only the release before needs. */
  | { do: 'reload-haproxy'; keepFormer: boolean }
  | { do: 'reload-nginx' };

export const edgeStep = (act: EdgeAct): Action => ({ do: 'part', part: 'edge', act });
