import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/engine/process.ts';
import { docker } from '../e2e/harness/docker.ts';

export const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
/** Ceph is 130 MB of packages. */
const buildSeconds = 900;

/** Tagged by its folder's content and what it is built from: a second run builds nothing. */
export async function ensureImage(fixture: string, base = 'debian:trixie-slim'): Promise<string> {
  const folder = join(fixtures, fixture);
  const hash = createHash('sha256').update(base);
  for (const name of readdirSync(folder).sort()) hash.update(`\0${name}\0`).update(readFileSync(join(folder, name)));
  const tag = `horme-test/${fixture}:${hash.digest('hex').slice(0, 12)}`;
  if ((await docker('images', '--quiet', tag)) !== '') return tag;
  const argv = ['docker', 'build', '--tag', tag, '--build-arg', `BASE=${base}`, folder];
  const env = { ...process.env, DOCKER_BUILDKIT: '1' };
  const { exitCode, stderr } = await run(argv, { env, deadlineSeconds: buildSeconds });
  if (exitCode !== 0) throw new Error(`${tag} could not be built\n${stderr}`);
  return tag;
}
