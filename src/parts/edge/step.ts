import type { Action } from '../../deploy/step.ts';

export type EdgeAct =
  /** Writes files for programs that don't run yet and read them at their start. */
  | { do: 'write'; nginx: boolean; haproxy: boolean }
  /** `keepFormer`: keeps backends that only the previous release needs. */
  | { do: 'reload-haproxy'; keepFormer: boolean }
  | { do: 'reload-nginx' };

export const edgeStep = (act: EdgeAct): Action => ({ do: 'part', part: 'edge', act });
