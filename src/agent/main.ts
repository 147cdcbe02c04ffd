import { roles } from './backup/roles.ts';
import { loadSettings } from './backup/settings.ts';
import { makeAgent } from './backup/make-agent.ts';
import { runAgent } from './backup/run.ts';
import { Programs } from './programs.ts';

const programs = new Programs();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void programs.endAll());
// Who no longer listens doesn't end a backup.
process.stdout.on('error', () => undefined);

void runAgent(
  process.argv.slice(2),
  () => makeAgent(loadSettings(process.env), programs),
  roles(programs),
  (text) => void process.stdout.write(text),
).then((exitCode) => process.exit(exitCode));
