export interface Style {
  dim(text: string): string;
  bold(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** ECMA-48 "select graphic rendition": the code that begins, and the one that ends. */
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
 * ECMA-48 control sequences, and operating system commands up to their end. Not node's stripVTControlCharacters: in
 * Node 20 it takes readable text for a command when a bell follows later on the line.
 */
const controlSequence = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?/g;
const controlCharacter = /[\x00-\x1f\x7f-\x9f]/g;

/**
 * One line without anything that drives a terminal: what a container or a build prints is not ours, and could move the
 * cursor, set the title or hide what follows. Of a line that was rewritten by carriage returns, the last state.
 */
export function printable(text: string): string {
  const lastState = text.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  return lastState.replace(controlSequence, '').replaceAll('\t', '  ').replace(controlCharacter, ' ');
}

/** At most so many characters, the last an ellipsis where something is missing. */
export function truncate(text: string, columns: number): string {
  const characters = [...text];
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`;
}
