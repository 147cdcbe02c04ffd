import { request } from 'node:http';
import type { Scene } from '../database/scene.ts';
import { docker } from '../e2e/harness/docker.ts';
import { ensureImage } from './fixture-image.ts';

const answerMilliseconds = 60_000;
const socketPath = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';

interface Inspected {
  Name: string;
  Config: { Image: string; Env: string[] } & Record<string, unknown>;
  HostConfig: { Binds: string[] | null } & Record<string, unknown>;
  NetworkSettings: { Networks: Record<string, { Aliases: string[] | null }> };
}

/** A project's services whose programs have another time than the machine, by libfaketime. */
export class FakedClock {
  readonly #scene: Scene;
  readonly #services: string[];

  constructor(scene: Scene, services: string[]) {
    this.#scene = scene;
    this.#services = services;
  }

  get #volume(): string {
    return `${this.#scene.project}_faked-clock`;
  }

  /** Their containers are replaced by others that are alike but for the clock. `binds`: what they have besides. */
  async start(binds: string[] = []): Promise<void> {
    const { project } = this.#scene;
    for (const volume of [this.#volume, ...binds.map((bind) => bind.split(':')[0] ?? '')])
      await docker('volume', 'create', '--label', `com.docker.compose.project=${project}`, volume);
    const faked: string[] = [];
    for (const service of this.#services) {
      const { id } = await this.#scene.container(service);
      const [found] = JSON.parse(await docker('inspect', id)) as Inspected[];
      if (!found) throw new Error(`${service} has no container`);
      await docker('rm', '-f', id);
      faked.push(await this.#create(found, binds));
    }
    await docker('start', ...faked);
  }

  /** So many days ahead of the machine's own time. */
  async set(days: number): Promise<void> {
    const { id } = await this.#scene.container(this.#services[0] ?? '');
    await docker('exec', '--user', '0', id, 'sh', '-c', `echo "+${days}d" >/clock/new && mv /clock/new /clock/now`);
  }

  async #create({ Name, Config, HostConfig, NetworkSettings }: Inspected, binds: string[]): Promise<string> {
    const image = await ensureImage('faked-clock', Config.Image);
    const own = JSON.parse(await docker('inspect', '--format', '{{json .Config.Env}}', image)) as string[];
    const body = {
      ...Config,
      Image: image,
      Env: [...Config.Env, ...own.filter((one) => /^(LD_PRELOAD|FAKETIME|NODE_OPTIONS)/.test(one))],
      HostConfig: {
        ...HostConfig,
        NetworkMode: 'none',
        Binds: [...(HostConfig.Binds ?? []), `${this.#volume}:/clock`, ...binds],
      },
    };
    const id = await post(`/containers/create?name=${Name.replace('/', '')}`, body);
    await docker('network', 'disconnect', 'none', id);
    for (const [network, { Aliases }] of Object.entries(NetworkSettings.Networks)) {
      const aliases = (Aliases ?? []).flatMap((alias) => ['--alias', alias]);
      await docker('network', 'connect', ...aliases, network, id);
    }
    return id;
  }
}

/** By the engine's API: the command line has no way to say all that a container has. */
function post(path: string, body: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(answerMilliseconds);
    const asked = request({ socketPath, path, method: 'POST', headers, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { Id } = JSON.parse(text) as { Id?: string };
        if (Id) resolve(Id);
        else reject(new Error(`${path}: ${response.statusCode} ${text}`));
      });
    });
    asked.on('error', reject).end(JSON.stringify(body));
  });
}
