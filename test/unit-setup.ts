import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const buildMilliseconds = 60_000;

/** The tags of the platform images name what is in their folders, and the agent's is made by the build. */
export default async function setup(): Promise<void> {
  await promisify(execFile)('node', ['scripts/build.mjs', 'agent'], { cwd: root, timeout: buildMilliseconds });
}
