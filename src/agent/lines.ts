import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** What a program printed, with `\n` at the end of each line; `done` once all of it was read. */
export interface Lines {
  text(): string;
  last(count: number): string[];
  done: Promise<void>;
}

/**
 * Reads all of it, whatever the listener does: a full pipe would stop the program. `keep`: only so many of the last lines are
 * kept, where a program writes millions. Carriage returns end lines too: programs write their progress with them.
 */
export function collectLines(stream: Readable, onLine: (line: string) => void, keep = Number.POSITIVE_INFINITY): Lines {
  const decoder = new StringDecoder('utf8');
  const kept: string[] = [];
  let rest = '';
  const take = (line: string): void => {
    kept.push(line);
    // In blocks: a shift for each line would move the whole list each time.
    if (kept.length > keep * 2) kept.splice(0, kept.length - keep);
    onLine(line.replace(/\n$/, ''));
  };
  const feed = (text: string, isLast: boolean): void => {
    const whole = rest + text;
    // `\r` at the end of a block may be the first half of `\r\n`.
    const held = !isLast && whole.endsWith('\r') ? '\r' : '';
    const lines = whole
      .slice(0, whole.length - held.length)
      .replace(/\r\n?/g, '\n')
      .split('\n');
    const open = lines.pop() ?? '';
    for (const line of lines) take(`${line}\n`);
    if (isLast && open !== '') take(open);
    rest = isLast ? '' : open + held;
  };
  const done = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => feed(decoder.write(chunk), false));
    stream.once('close', () => {
      feed(decoder.end(), true);
      resolve();
    });
    // A pipe that breaks has no more to read; how the program ended says the rest.
    stream.on('error', () => undefined);
  });
  const lines = (): string[] => (kept.length > keep ? kept.slice(-keep) : kept);
  return { text: () => lines().join(''), last: (count) => lines().slice(-count), done };
}
