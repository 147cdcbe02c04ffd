import type { Stack } from '../../stack/stack.ts';

export interface EdgeOptions {
  /** Content of the user's own page for `maintenance on`; undefined: ours. */
  maintenancePage: string | undefined;
  /** Largest request body that the edge takes, bytes. */
  maxBodyBytes: number;
}

export const edgeOptions = ({ parts }: Pick<Stack, 'parts'>): EdgeOptions =>
  (parts['edge'] as EdgeOptions | undefined) ?? { maintenancePage: undefined, maxBodyBytes: 0 };
