import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { openConnection } from '../src/engine/connection.ts';
import { dockerEngine } from '../src/engine/docker.ts';
import type { Engine } from '../src/engine/engine.ts';
import { run } from '../src/engine/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const commandSeconds = 300;

export interface Scene {
  project: string;
  host: string;
  port: number;
  directory: string;
  engine: Engine;
  write(version: string): Promise<void>;
  /** Runs `horme`; throws with its output when it fails. Gives stdout. */
  horme(...words: string[]): Promise<string>;
  remove(): Promise<void>;
}

/** The tests' application behind a whole edge of its own, three replicas that boot as long as the caller says. */
export async function openScene(
  name: string,
  ports: { http: number; https: number },
  bootMilliseconds: number,
): Promise<Scene> {
  await run([process.execPath, join(root, 'scripts', 'build.mjs')], { deadlineSeconds: commandSeconds });
  const directory = await mkdtemp(join(tmpdir(), `horme-${name}-`));
  await cp(join(root, 'test', 'fixtures', 'fault-app'), join(directory, 'app'), { recursive: true });
  const project = `${name}-local`;
  const engine = dockerEngine(openConnection(undefined, process.env), new AbortController().signal);
  const horme = async (...words: string[]): Promise<string> => {
    const argv = [process.execPath, join(root, 'dist', 'horme.cjs'), '--project-directory', directory, ...words];
    const { exitCode, stdout, stderr } = await run(argv, { deadlineSeconds: commandSeconds });
    if (exitCode !== 0)
      throw new Error(`horme ${words.join(' ')} exited ${exitCode}: ${stderr.slice(-1000)}${stdout.slice(-1000)}`);
    return stdout;
  };
  return {
    project,
    host: `${name}.localhost`,
    port: ports.https,
    directory,
    engine,
    horme,
    write: (version) =>
      writeFile(join(directory, 'compose.yaml'), stringify(composeFile(name, ports, version, bootMilliseconds))),
    remove: async () => {
      await horme('down', '--volumes', '--confirm', 'local');
      for (const image of await engine.images(`${project}/*`)) for (const tag of image.tags) await engine.untag(tag);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function composeFile(
  name: string,
  ports: { http: number; https: number },
  version: string,
  bootMilliseconds: number,
): object {
  return {
    name,
    services: {
      app: {
        build: { context: './app', args: { NODE_IMAGE: process.env.NODE_IMAGE ?? 'horme/node:20-trixie' } },
        environment: { VERSION: version, BOOT_MS: String(bootMilliseconds) },
        deploy: { replicas: 3 },
        stop_grace_period: '10s',
        'x-horme': { route: { port: 8000 }, health: '/health' },
      },
    },
    'x-horme': { environments: { local: { ports } } },
  };
}
