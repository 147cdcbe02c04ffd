import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of the package under test, with `dist` and `images`. */
    horme: string;
  }
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const buildMilliseconds = 60_000;

/** Builds once and tests a copy: a source that is saved meanwhile changes nothing in the middle of a series. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await promisify(execFile)('node', ['scripts/build.mjs'], { cwd: root, timeout: buildMilliseconds });
  const folder = await mkdtemp(join(tmpdir(), 'horme-package-'));
  await mkdir(join(folder, 'dist'));
  await cp(join(root, 'dist', 'horme.cjs'), join(folder, 'dist', 'horme.cjs'));
  await cp(join(root, 'images'), join(folder, 'images'), { recursive: true });
  project.provide('horme', folder);
  return () => rm(folder, { recursive: true, force: true });
}
