import { describe, expect, test } from 'vitest';
import { askedFor } from './asked.ts';

const table = {
  kitchen: { proves: [], alone: { 'a-pot-boils': 10 }, together: { 'a-cake-rises': 20 } },
  garden: { proves: [], alone: { 'a-cake-in-the-garden': 5 } },
};
const names = (...words: string[]) => askedFor(table, words).map(({ name }) => name);

describe('what follows --long', () => {
  test('nothing: all files', () => expect(names()).toEqual(['a-pot-boils', 'a-cake-rises', 'a-cake-in-the-garden']));

  test('an area: its files, though another name has the word too', () =>
    expect(names('garden')).toEqual(['a-cake-in-the-garden']));

  test('a part of names: the files of all areas that have it', () =>
    expect(names('cake')).toEqual(['a-cake-rises', 'a-cake-in-the-garden']));

  test('several: each file once, in the order of the table', () =>
    expect(names('cake', 'kitchen', 'rises')).toEqual(['a-pot-boils', 'a-cake-rises', 'a-cake-in-the-garden']));

  test('an unknown word is told with the areas, also beside a known one', () =>
    expect(() => names('garden', 'kitchn')).toThrow(
      "kitchn is no area and no part of a long file's name; the areas: kitchen, garden",
    ));
});
