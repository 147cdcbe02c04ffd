import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import { healed } from '../../database/faults.ts';
import { Scene } from '../../database/scene.ts';
import { ownPort, toHttps } from './ports.ts';

const http = ownPort + 300;
const ports = { http, https: http + toHttps };

/** One project with a database for all tests of a file; what its members printed is shown when a test failed. */
export function useDatabase(name: string): () => Scene {
  let scene: Scene | undefined;
  const get = (): Scene => {
    if (!scene) throw new Error('the scene is opened before the first test');
    return scene;
  };
  beforeAll(async () => {
    scene = await Scene.open(name, ports, join(inject('horme'), 'dist', 'horme.cjs'));
  });
  afterEach(async ({ task }) => {
    const failed = task.result?.state === 'fail' ? scene : undefined;
    if (!failed) return;
    await healed(
      async () => console.log(await failed.logs()),
      () => failed.endTest(),
    );
  });
  afterAll(async () => {
    await scene?.remove();
  });
  return get;
}
