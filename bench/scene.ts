import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureNetwork, removeRepositories, startS3 } from '../test/backup/repositories.ts';
import type { Stage } from '../test/backup/stage.ts';
import { Scene } from '../test/database/scene.ts';
import { run } from '../src/engine/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** HORME_BENCH_PORT: where this one or the next is taken. */
const port = Number(process.env['HORME_BENCH_PORT'] ?? 18_480);
const ports = { http: port, https: port + 1 };

/** A project of its own for one part, with Horme as it would be installed; nothing of it is left. */
export async function withScene<T>(name: string, work: (scene: Scene) => Promise<T>): Promise<T> {
  await run([process.execPath, `${root}scripts/build.mjs`], { deadlineSeconds: 120 });
  const scene = await Scene.open(name, ports, `${root}dist/horme.cjs`);
  try {
    return await work(scene);
  } finally {
    await scene.remove();
  }
}

/** The same, before a bucket that its backups go to. */
export const withBucket = <T>(name: string, kind: 'moto' | 'ceph', work: (stage: Stage) => Promise<T>): Promise<T> =>
  withScene(name, async (scene) => {
    await removeRepositories(scene.project);
    const s3 = await startS3(kind, { network: await ensureNetwork(scene.project), alias: 's3.test' });
    try {
      await writeFile(join(scene.directory, 's3-ca.pem'), s3.ca);
      return await work({ scene, s3 });
    } finally {
      await s3.close();
    }
  });
