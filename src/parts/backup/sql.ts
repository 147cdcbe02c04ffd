/** A token of SQL, as detailed as needed to find the end of a statement. */
export interface Token {
  kind: 'space' | 'line-comment' | 'comment' | 'quoted' | 'end' | 'backslash' | 'other';
  /** Offsets in the text; `to` is exclusive. */
  from: number;
  to: number;
  /** Name of a construct that begins here and never ends; the token then extends to the end of the text. */
  unterminated?: string;
}

/**
 * Sticky patterns, each without backtracking beyond its own match. Letters are as in PostgreSQL's scan.l: a name may
 * contain any non-ASCII character, and `$` after its first character, so `a$$` begins no dollar quote.
 */
const space = /[ \t\n\r\f\v]+/y;
const lineComment = /--[^\n\r]*/y;
const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const escapeString = /[Ee]'/y;
/** A string continues after a line break, under the same rules. */
const continuation = /[ \t\f\v]*[\n\r][ \t\n\r\f\v]*'/y;

/**
 * Tokenises by PostgreSQL's lexical rules, with `standard_conforming_strings`. Every character belongs to one token;
 * linear time.
 */
export function* tokens(text: string): Generator<Token> {
  for (let at = 0; at < text.length;) {
    const token = tokenAt(text, at);
    yield token;
    at = token.to;
  }
}

function tokenAt(text: string, from: number): Token {
  const found = (kind: Token['kind'], to: number): Token => ({ kind, from, to });
  switch (text[from]) {
    case ';':
      return found('end', from + 1);
    case '\\':
      return found('backslash', from + 1);
    case "'":
      return quoted(text, from, 'string', endOfDoubled(text, from + 1, "'"));
    case '"':
      return quoted(text, from, 'quoted name', endOfDoubled(text, from + 1, '"'));
    case '$':
      return dollar(text, from);
    default:
      return undelimitedAt(text, from);
  }
}

function undelimitedAt(text: string, from: number): Token {
  const found = (kind: Token['kind'], to: number): Token => ({ kind, from, to });
  if (text.startsWith('/*', from)) return blockComment(text, from);
  if (endOf(escapeString, text, from)) return quoted(text, from, 'string', endOfEscaped(text, from + 2));
  const comment = endOf(lineComment, text, from);
  if (comment) return found('line-comment', comment);
  const blank = endOf(space, text, from);
  return blank ? found('space', blank) : found('other', endOf(word, text, from) ?? from + 1);
}

function endOf(pattern: RegExp, text: string, from: number): number | undefined {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function quoted(text: string, from: number, what: string, to: number | undefined): Token {
  return to === undefined
    ? { kind: 'quoted', from, to: text.length, unterminated: what }
    : { kind: 'quoted', from, to };
}

/** End of a quoted token in which a doubled quote stands for the quote itself; undefined: unterminated. */
function endOfDoubled(text: string, from: number, quote: string): number | undefined {
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 2)) {
    if (text[at + 1] !== quote) return at + 1;
  }
  return undefined;
}

function endOfEscaped(text: string, from: number): number | undefined {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === "'") {
      const next = text[at + 1] === "'" ? at + 2 : endOf(continuation, text, at + 1);
      if (next === undefined) return at + 1;
      at = next - 1;
    }
  }
  return undefined;
}

function dollar(text: string, from: number): Token {
  const begin = endOf(dollarTag, text, from);
  if (begin === undefined) return { kind: 'other', from, to: from + 1 };
  const tag = text.slice(from, begin);
  const end = text.indexOf(tag, begin);
  return quoted(text, from, `dollar quote ${tag}`, end < 0 ? undefined : end + tag.length);
}

/** Block comments nest. */
function blockComment(text: string, from: number): Token {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  let depth = 0;
  for (let match = mark.exec(text); match; match = mark.exec(text)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return { kind: 'comment', from, to: mark.lastIndex };
  }
  return { kind: 'comment', from, to: text.length, unterminated: 'comment' };
}
