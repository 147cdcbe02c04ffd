import { version } from './version.ts';

// Scripts and prompts ask for the version often: answer before commander and the rest of the bundle run.
const first = process.argv[2];
if (first === '--version' || first === '-V') {
  process.stdout.write(`${version}\n`);
} else {
  void import('./commands/main.ts').then(({ main }) => main(process.argv.slice(2)));
}
