import { tokens, type Token } from './sql.ts';

/** A user's check of the data, which a drill runs on the restored database. */
export interface Assertion {
  /** Where the query begins, from 1. */
  line: number;
  /** The query, including its `;`. */
  sql: string;
  /** Expected output of `psql --tuples-only --no-align`, trimmed. */
  expected: string;
}

export interface Mistake {
  line: number;
  message: string;
  mend: string;
}

/** They are passed in an environment variable, which Linux limits to 128 KiB. */
const largestFile = 64 * 1024;
const mostAssertions = 500;
/** Limit of reported mistakes. */
const mostMistakes = 100;

const expectation = /^--\s*expect:(.*)$/i;
const example = 'write -- expect: VALUE on a line of its own, and below it one query that ends with ;';

/** Parses the file and reports all mistakes at once. */
export function readAssertions(text: string): { assertions: Assertion[]; mistakes: Mistake[] } {
  const bytes = Buffer.byteLength(text);
  if (bytes > largestFile) {
    const message = `the file has ${bytes} bytes; at most ${largestFile} are read`;
    return { assertions: [], mistakes: [{ line: 1, message, mend: 'keep queries here, and data in the database' }] };
  }
  // A byte order mark is no part of a query.
  const reader = new Reader(text.replace(/^\uFEFF/, ''));
  return reader.read();
}

class Reader {
  readonly #text: string;
  readonly #lineStarts: number[];
  readonly #assertions: Assertion[] = [];
  readonly #mistakes: Mistake[] = [];
  /** An expected value whose query has not been read yet. */
  #expected: { value: string; line: number } | undefined;
  /** Line at which the current query begins. */
  #begin: number | undefined;
  /** Last line of the previous query. */
  #endLine = 0;

  constructor(text: string) {
    this.#text = text;
    this.#lineStarts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  }

  read(): { assertions: Assertion[]; mistakes: Mistake[] } {
    for (const token of tokens(this.#text)) this.#take(token);
    this.#finish();
    this.#nulls();
    if (this.#assertions.length > mostAssertions) {
      const line = this.#assertions[mostAssertions]?.line ?? 1;
      this.#mistake(line, `there are more than ${mostAssertions} queries`, 'ask for several values in one query');
    }
    const mistakes = this.#mistakes.sort((a, b) => a.line - b.line).slice(0, mostMistakes);
    return { assertions: this.#assertions, mistakes };
  }

  #take(token: Token): void {
    const line = this.#lineOf(token.from);
    if (token.unterminated !== undefined) {
      this.#mistake(line, `a ${token.unterminated} that begins here has no end`, 'end it');
      this.#begin = undefined;
      this.#expected = undefined;
      return;
    }
    if (token.kind === 'space' || token.kind === 'comment') return;
    if (token.kind === 'line-comment') return this.#comment(token, line);
    if (token.kind === 'end') return this.#end(token, line);
    if (token.kind === 'backslash') {
      this.#mistake(line, 'a backslash is a command to psql, and none is run here', 'take it out, or quote it');
    }
    this.#begin ??= token.from;
  }

  #comment({ from, to }: Token, line: number): void {
    const value = expectation.exec(this.#text.slice(from, to).trim())?.[1]?.trim();
    if (value === undefined) return;
    const before = this.#text.slice(this.#lineStarts[line - 1], from);
    if (before.trim() !== '') {
      this.#mistake(line, 'an expectation beside a query', example);
      return;
    }
    if (this.#begin !== undefined) this.#unended(`before the expectation in line ${line}`);
    if (this.#expected) this.#unasked(this.#expected.line);
    this.#expected = { value, line };
  }

  #end({ to }: Token, endLine: number): void {
    const begin = this.#begin;
    if (begin === undefined) this.#mistake(endLine, 'a ; without a query', 'take it out');
    else this.#query(begin, to);
    this.#begin = undefined;
    this.#expected = undefined;
    this.#endLine = endLine;
  }

  #query(begin: number, to: number): void {
    const line = this.#lineOf(begin);
    if (this.#expected) {
      this.#assertions.push({ line, sql: this.#text.slice(begin, to), expected: this.#expected.value });
    } else if (line === this.#endLine) {
      this.#mistake(line, 'more than one query for one expectation', example);
    } else {
      this.#mistake(line, 'a query without an expectation', example);
    }
  }

  #finish(): void {
    if (this.#begin !== undefined) this.#unended('until the end of the file');
    if (this.#expected) this.#unasked(this.#expected.line);
  }

  #unended(where: string): void {
    this.#mistake(this.#lineOf(this.#begin ?? 0), `a query that has no ; ${where}`, 'end it with ;');
    this.#begin = undefined;
    this.#expected = undefined;
  }

  #unasked(line: number): void {
    this.#mistake(line, 'an expectation without a query', example);
  }

  /** Refuses NUL characters, which neither PostgreSQL nor an environment variable can hold. */
  #nulls(): void {
    const lines = new Set(Array.from(this.#text.matchAll(/\0/g), ({ index }) => this.#lineOf(index)));
    for (const line of lines) this.#mistake(line, 'a character with the code 0', 'take it out');
  }

  #mistake(line: number, message: string, mend: string): void {
    const last = this.#mistakes.at(-1);
    if (last?.line === line && last.message === message) return;
    this.#mistakes.push({ line, message, mend });
  }

  /** Binary search, since there may be as many lines as characters. */
  #lineOf(offset: number): number {
    let [low, high] = [0, this.#lineStarts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }
}
