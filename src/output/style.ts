export interface Style {
  dim(text: string): string;
  bold(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** ECMA-48 "select graphic rendition": start code and end code. */
export function style(enabled: boolean): Style {
  const between = (begin: number, end: number) => (text: string) =>
    enabled ? `\x1b[${begin}m${text}\x1b[${end}m` : text;
  return {
    dim: between(2, 22),
    bold: between(1, 22),
    red: between(31, 39),
    green: between(32, 39),
    yellow: between(33, 39),
    cyan: between(36, 39),
  };
}

/** https://no-color.org: set and not empty means none. */
export function wantsColor(stream: { isTTY?: boolean }, env: Record<string, string | undefined>): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

/**
 * ECMA-48 control sequences, and operating system commands up to their end. Node's stripVTControlCharacters is not
 * used: in Node 20 it removes readable text if a bell follows later on the line.
 */
const controlSequence = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?/g;
const controlCharacter = /[\x00-\x1f\x7f-\x9f]/g;

/**
 * One line without terminal control sequences: output of a container or a build is untrusted, and could move the
 * cursor, set the title or hide what follows. For a line that was rewritten by carriage returns, the last state.
 */
export function printable(text: string): string {
  const lastState = text.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  return lastState.replace(controlSequence, '').replaceAll('\t', '  ').replace(controlCharacter, ' ');
}

/** Shortens a text to this many characters; the last is an ellipsis if something was cut. */
export function truncate(text: string, columns: number): string {
  const characters = [...text];
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`;
}
