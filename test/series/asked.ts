import { filesOf, type LongFile, type Table } from './files.ts';

/** What follows `--long`: areas, or words that are part of a file's name; none: all. */
export function askedFor(table: Table, words: string[]): LongFile[] {
  const files = filesOf(table);
  if (words.length === 0) return files;
  const asked = new Set(words.flatMap((word) => named(table, files, word)));
  return files.filter((file) => asked.has(file));
}

function named(table: Table, files: LongFile[], word: string): LongFile[] {
  const found = files.filter(({ name, area }) => (Object.hasOwn(table, word) ? area === word : name.includes(word)));
  if (found.length === 0) throw new UnknownWord(word, Object.keys(table));
  return found;
}

export class UnknownWord extends Error {
  constructor(word: string, known: string[]) {
    super(`${word} is no area and no part of a long file's name; the areas: ${known.join(', ')}`);
  }
}
