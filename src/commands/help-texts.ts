import { commandGroups, commands } from './index.ts';
import { parse } from './parse.ts';

/** What `horme <topic> --help` prints, by topic; the program's own help has the topic ''. */
export function helpTexts(): Record<string, string> {
  const topics = ['', ...Object.keys(commandGroups), ...commands.map(({ name }) => name)];
  return Object.fromEntries(topics.map((topic) => [topic, printed(topic)]));
}

function printed(topic: string): string {
  let text = '';
  const words = topic === '' ? [] : topic.split(' ');
  parse([...words, '--help'], { out: (piece) => (text += piece), error: () => {} });
  return text;
}
