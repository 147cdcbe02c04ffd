import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAssertions } from './assertions.ts';
import { tokens } from './sql.ts';

const example = 'write -- expect: VALUE on a line of its own, and below it one query that ends with ;';
const mistakes = (text: string) => readAssertions(text).mistakes.map(({ line, message }) => `${line}: ${message}`);
const queries = (text: string) => readAssertions(text).assertions.map(({ sql }) => sql);

describe('assertions', () => {
  test('are an expectation and a query each, with comments and blank lines anywhere', () => {
    const text = [
      '-- What must hold after a restore.',
      '',
      '-- expect: 1',
      '-- the shop itself',
      "SELECT count(*) FROM shops WHERE name = 'x';",
      '/* orders; /* nested; */ all */',
      '  --expect:  0 | none  ',
      '',
      '  SELECT 0, -- ; not the end',
      "    'none'",
      '  ;',
      '-- EXPECT:',
      'SELECT WHERE false; -- done',
    ].join('\n');
    expect(readAssertions(text).assertions).toEqual([
      { line: 5, sql: "SELECT count(*) FROM shops WHERE name = 'x';", expected: '1' },
      { line: 9, sql: "SELECT 0, -- ; not the end\n    'none'\n  ;", expected: '0 | none' },
      { line: 13, sql: 'SELECT WHERE false;', expected: '' },
    ]);
  });

  test.each([
    "SELECT ';', 'it''s; -- expect: x';",
    "SELECT E'\\';', e'\\\\';",
    "SELECT E'a'\n  'b\\';';",
    "SELECT note'\\' FROM t;",
    'SELECT ";""", "a\\" FROM t;',
    'SELECT $$;$$, $a$ $$; $b$ $a$;',
    'SELECT a$1$ FROM t;',
    'SELECT $1;',
    "SELECT /* ; /* ; */ ' */ 1;",
    "SELECT 1 -- it's ; fine\n;",
    "SELECT $ü$ ' ; $ü$;",
    'SELECT a[1:2], b::text, 4 / 2 - 1;',
    "SELECT '\n\\q\n';",
  ])('%j is one query', (sql) => expect(queries(`-- expect: 1\n${sql}\n`)).toEqual([sql]));

  test('may come from Windows, and from an editor that marks UTF-8', () => {
    expect(readAssertions('\uFEFF-- expect: 1\r\nSELECT 1;\r\n').assertions).toEqual([
      { line: 2, sql: 'SELECT 1;', expected: '1' },
    ]);
  });

  test('may be none', () => expect(readAssertions('\n-- later\n').assertions).toEqual([]));
});

describe('a mistake', () => {
  test.each([
    ['SELECT 1;', ['1: a query without an expectation']],
    ['-- expect 1\nSELECT 1;', ['2: a query without an expectation']],
    ['-- expect: 1\n', ['1: an expectation without a query']],
    ['-- expect: 1\n-- expect: 2\nSELECT 2;', ['1: an expectation without a query']],
    ['-- expect: 1\nSELECT 1; SELECT 2;', ['2: more than one query for one expectation']],
    ['-- expect: 1\nSELECT 1;\nSELECT 2;', ['3: a query without an expectation']],
    ['SELECT 1; -- expect: 1\n', ['1: a query without an expectation', '1: an expectation beside a query']],
    ['-- expect: 1\nSELECT 1\n-- expect: 2\nSELECT 2;', ['2: a query that has no ; before the expectation in line 3']],
    ['-- expect: 1\nSELECT 1', ['2: a query that has no ; until the end of the file']],
    ['-- expect: 1\n;', ['2: a ; without a query']],
    ['-- expect: 1\nSELECT 1;;', ['2: a ; without a query']],
    ["-- expect: 1\nSELECT\n 'a;", ['3: a string that begins here has no end']],
    ["-- expect: 1\nSELECT E'a\\';", ['2: a string that begins here has no end']],
    ['-- expect: 1\nSELECT "a;', ['2: a quoted name that begins here has no end']],
    ['-- expect: 1\nSELECT $a$;$b$;', ['2: a dollar quote $a$ that begins here has no end']],
    ['-- expect: 1\nSELECT 1 /* /* */;', ['2: a comment that begins here has no end']],
    ['-- expect: 1\n\\! id\nSELECT 1;', ['2: a backslash is a command to psql, and none is run here']],
    ['-- expect: 1\nSELECT 1 \\gexec\n;', ['2: a backslash is a command to psql, and none is run here']],
    ["-- expect: 1\nSELECT '\0';", ['2: a character with the code 0']],
  ])('%j', (text, expected) => expect(mistakes(text)).toEqual(expected));

  test('is told with all others, and with what to type', () => {
    const text = "SELECT 1;\n-- expect: 1\n\\q\n;\n-- expect: 2\nSELECT 'x";
    expect(readAssertions(text).mistakes).toEqual([
      { line: 1, message: 'a query without an expectation', mend: example },
      {
        line: 3,
        message: 'a backslash is a command to psql, and none is run here',
        mend: 'take it out, or quote it',
      },
      { line: 6, message: 'a string that begins here has no end', mend: 'end it' },
    ]);
  });

  test('is a file too large, and more assertions than a drill should ask', () => {
    expect(mistakes('-'.repeat(64 * 1024))).toEqual([]);
    expect(mistakes('-'.repeat(64 * 1024 + 1))).toEqual(['1: the file has 65537 bytes; at most 65536 are read']);
    expect(mistakes('-- expect: 1\nSELECT 1;\n'.repeat(500))).toEqual([]);
    expect(mistakes('-- expect: 1\nSELECT 1;\n'.repeat(501))).toEqual(['1002: there are more than 500 queries']);
  });
});

describe('whatever the text is', () => {
  const scraps = fc.constantFrom(
    ...[
      "'",
      "''",
      '"',
      '$$',
      '$a$',
      '$',
      '--',
      '/*',
      '*/',
      ';',
      '\\',
      '\n',
      '\r',
      ' ',
      'E',
      'x',
      '1',
      '-- expect: 1\n',
      '\0',
    ],
  );
  const any = fc.array(fc.oneof(scraps, fc.string({ maxLength: 3 })), { maxLength: 40 }).map((parts) => parts.join(''));

  test('every character belongs to one token', () => {
    fc.assert(
      fc.property(any, (text) => {
        let at = 0;
        for (const { from, to } of tokens(text)) {
          expect(from).toBe(at);
          expect(to).toBeGreaterThan(from);
          at = to;
        }
        expect(at).toBe(text.length);
      }),
    );
  });

  test('there is a place and a mend for each mistake', () => {
    fc.assert(
      fc.property(any, (text) => {
        const lines = text.split('\n').length;
        for (const { line, message, mend } of readAssertions(text).mistakes) {
          expect(line >= 1 && line <= lines && message !== '' && mend !== '').toBe(true);
        }
      }),
    );
  });

  test('what is well formed comes back as it was', () => {
    const inner = fc.string({ maxLength: 8 }).map((text) => text.replaceAll(/[\0$'"\\*/]/g, ''));
    const piece = fc.oneof(
      fc.constantFrom('SELECT', '1', 'a$b', '\n', ' + ', 'x[1:2]'),
      inner.map((text) => `'${text}'''`),
      inner.map((text) => `E'${text}\\''`),
      inner.map((text) => `"${text}"`),
      inner.map((text) => `$q$${text}';$q$`),
      inner.map((text) => `/*${text};'/* */*/`),
      inner.map((text) => `--x${text.replaceAll(/[\r\n]/g, '')};'\n`),
    );
    const query = fc.array(piece, { maxLength: 12 }).map((pieces) => `SELECT ${pieces.join(' ')};`);
    const value = fc.string({ maxLength: 10 }).map((text) => text.replaceAll(/[\0\r\n\u2028\u2029]/g, '').trim());
    fc.assert(
      fc.property(fc.array(fc.tuple(value, query)), (all) => {
        const text = all.map(([expected, sql]) => `\n-- expect: ${expected}\n${sql} -- ok\n`).join('');
        const parsed = readAssertions(text).assertions.map(({ expected, sql }) => [expected, sql]);
        expect(parsed).toEqual(all);
      }),
    );
  });

  test.each([
    "'",
    '"',
    '$',
    '$$',
    '/*',
    '*/',
    '\\',
    '; ',
    '\n',
    "E'\\",
    '--\n',
    '-- expect: 1\n',
    "'a' \n",
    '$a',
    "''",
  ])('a whole file of %j is read in a moment', (scrap) => {
    const began = performance.now();
    expect(readAssertions(scrap.repeat((64 * 1024) / scrap.length)).mistakes.length).toBeLessThanOrEqual(100);
    expect(performance.now() - began).toBeLessThan(1500);
  });
});
