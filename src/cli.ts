import { earlyAnswer } from './early-answer.ts';

const argv = process.argv.slice(2);
const answer = earlyAnswer(argv, process.stdout.columns);
if (answer === undefined) {
  void import('./commands/main.ts').then(({ main }) => main(argv));
} else {
  // `horme --help | head` is no failure.
  process.stdout.on('error', () => {});
  process.stdout.write(answer);
}
