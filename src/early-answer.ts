import { version } from './version.ts';

/** Put in by scripts/build.mjs: the help texts by topic, as JSON. Absent when the sources run unbundled. */
declare const HORME_HELP: string;

/** Width of the help texts, which are laid out when Horme is built. */
export const helpColumns = 80;

/**
 * Output that is printed before the program is loaded: the version, or a help text if nothing else is on the command
 * line. Undefined: the parser decides, also for a terminal that is narrower than the texts.
 */
export function earlyAnswer(
  argv: readonly string[],
  columns: number | undefined,
  texts: () => Record<string, string> = builtTexts,
): string | undefined {
  const [first] = argv;
  if (first === '--version' || first === '-V') return `${version}\n`;
  const topic = helpTopic(argv);
  if (topic === undefined || (columns !== undefined && columns < helpColumns)) return undefined;
  const known = texts();
  return Object.hasOwn(known, topic) ? known[topic] : undefined;
}

function helpTopic(argv: readonly string[]): string | undefined {
  const last = argv.at(-1);
  if (last === '--help' || last === '-h') return topicOf(argv.slice(0, -1));
  return argv[0] === 'help' && argv.length <= 2 ? topicOf(argv.slice(1)) : undefined;
}

/** A single argument with a space is not a command of two words. */
const topicOf = (words: string[]) => (words.every((word) => /^[a-z-]+$/.test(word)) ? words.join(' ') : undefined);

function builtTexts(): Record<string, string> {
  return typeof HORME_HELP === 'string' ? (JSON.parse(HORME_HELP) as Record<string, string>) : {};
}
