import { areas, type Area } from '../areas.ts';

export type Table = Record<string, Area>;

/** A file of the long series, as the table has it. */
export interface LongFile {
  /** Without folder and `.test.ts`. */
  name: string;
  area: string;
  seconds: number;
  alone: boolean;
}

/** In the order of the table. */
export function filesOf(table: Table): LongFile[] {
  return Object.entries(table).flatMap(([area, { alone = {}, together = {} }]) => [
    ...Object.entries(alone).map(([name, seconds]) => ({ name, area, seconds, alone: true })),
    ...Object.entries(together).map(([name, seconds]) => ({ name, area, seconds, alone: false })),
  ]);
}

export const longFiles = filesOf(areas);

export const pathOf = ({ name }: Pick<LongFile, 'name'>): string => `test/long/${name}.test.ts`;

/** See `Area.proves`. */
export function covers(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/*')) return path.startsWith(pattern);
  const folder = pattern.slice(0, -1);
  return path.startsWith(folder) && !path.slice(folder.length).includes('/');
}
