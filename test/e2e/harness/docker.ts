import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const commandMilliseconds = 120_000;

/** The docker command itself, so that a test sees what any operator would see. `docker run` hands SIGTERM on and stays. */
export async function docker(...words: string[]): Promise<string> {
  const { stdout } = await run('docker', words, {
    timeout: commandMilliseconds,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
  });
  return stdout.trim();
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

export interface Listed {
  id: string;
  name: string;
  service: string;
  /** Such as `running` or `exited`. */
  state: string;
  spec: string;
  /** Of Horme's own helpers; empty for a service's replica. */
  role: string;
}

/** All containers of a project, stopped ones too. */
export async function containersOf(project: string): Promise<Listed[]> {
  const label = (name: string): string => `{{.Label "${name}"}}`;
  const fields = ['{{.ID}}', '{{.Names}}', '{{.State}}', label('com.docker.compose.service')];
  const format = [...fields, label('horme.spec'), label('horme.role')].join('|');
  const rows = lines(
    await docker('ps', '-a', '--no-trunc', '--filter', `label=horme.project=${project}`, '--format', format),
  );
  return rows.map((row) => {
    const [id = '', name = '', state = '', service = '', spec = '', role = ''] = row.split('|');
    return { id, name, state, service, spec, role };
  });
}

const composeLabel = (project: string): string => `label=com.docker.compose.project=${project}`;
const hormeLabel = (project: string): string => `label=horme.project=${project}`;

/** Docker 20.10 loses an endpoint now and then where many containers go at once: its network stays until the engine restarts. */
async function removeNetwork(id: string): Promise<void> {
  try {
    await docker('network', 'rm', id);
  } catch (error) {
    const attached = await docker('network', 'inspect', '--format', '{{len .Containers}}', id);
    if (attached !== '0' || !String(error).includes('active endpoints')) throw error;
    console.warn(`the engine keeps the network ${id}, on which nothing is`);
  }
}

/** Everything that carries the project's name, and nothing else. */
export async function removeProject(project: string): Promise<void> {
  const list = async (...words: string[]): Promise<string[]> => [...new Set(lines(await docker(...words)))];
  for (const label of [composeLabel(project), hormeLabel(project)]) {
    const containers = await list('ps', '-aq', '--filter', label);
    if (containers.length > 0) await docker('rm', '-fv', ...containers);
  }
  for (const label of [composeLabel(project), hormeLabel(project)]) {
    const volumes = await list('volume', 'ls', '-q', '--filter', label);
    if (volumes.length > 0) await docker('volume', 'rm', '-f', ...volumes);
  }
  const networks = await list('network', 'ls', '-q', '--filter', composeLabel(project));
  for (const network of networks) await removeNetwork(network);
  const images = await list('images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', `reference=${project}/*`);
  if (images.length > 0) await docker('rmi', '-f', ...images);
}
