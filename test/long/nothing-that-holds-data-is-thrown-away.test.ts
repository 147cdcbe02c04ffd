import { afterAll, beforeAll, expect, test } from 'vitest';
import { docker, must, nodeImage, useProject, type Listed } from '../e2e/harness.ts';

/** Nobody but the tests knows whose these are once their containers are gone. */
const anonymous = new Set<string>();
// Before the project's own hook, and so after it when all is taken down: what is mounted can't be removed.
afterAll(async () => {
  if (anonymous.size > 0) await docker('volume', 'rm', '--force', ...anonymous);
});
const project = useProject('data-kept');

/** Who starts adds a line, so that a file tells the whole life of its volume. */
const noting = {
  command: ['sh', '-c', 'echo "$$V" >>/data/lives; exec sleep 9999'],
  user: '0:0',
  stop_grace_period: '2s',
};

async function write(version: string, own: object = {}, top: object = {}): Promise<void> {
  const environment = { V: version };
  await project().file('volume/Dockerfile', `FROM ${nodeImage}\nENV BUILT=${version}\nVOLUME /data\n`);
  const services = {
    // As a plain postgres is: what it keeps is in a volume of its image.
    image: { build: { context: './volume' }, environment, ...noting },
    file: { image: nodeImage, environment, volumes: ['/data'], ...noting, ...own },
  };
  await project().write(
    { VERSION: version },
    { replicas: 1, app: { secrets: ['token'] }, services, top: { secrets: { token: { file: './token' } }, ...top } },
  );
  await project().file('token', version);
}

const kept = ['image', 'file'];
async function only(service: string): Promise<Listed> {
  const own = (await project().containers()).filter((one) => one.service === service);
  expect(own).toMatchObject([{ state: 'running', name: `${project().project}-${service}-1` }]);
  return own[0] as Listed;
}
const lives = async (service: string) =>
  (await docker('exec', (await only(service)).id, 'cat', '/data/lives')).split('\n');
async function volumeOf(service: string): Promise<string> {
  const format = '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Name}}{{end}}{{end}}';
  const name = await docker('inspect', '--format', format, (await only(service)).id);
  anonymous.add(name);
  return name;
}

/** How many of a service ran at once, by what the engine says it did. */
async function mostAtOnce(service: string, since: number): Promise<number> {
  const filters = [
    'container',
    `label=com.docker.compose.service=${service}`,
    `label=horme.project=${project().project}`,
  ];
  const events = await docker(
    ...['events', '--since', String(since), '--until', String(Math.ceil(Date.now() / 1000))],
    ...['--format', '{{.Action}}', '--filter', 'event=start', '--filter', 'event=die'],
    ...filters.flatMap((filter, index) => ['--filter', index === 0 ? `type=${filter}` : filter]),
  );
  let running = 1;
  return Math.max(...events.split('\n').map((action) => (running += action === 'start' ? 1 : -1)));
}

/** What `docker container prune` and `docker volume prune -a` would take of this project. */
async function prune(): Promise<void> {
  const lines = async (...words: string[]) => (await docker(...words)).split('\n').filter((line) => line !== '');
  const label = `label=horme.project=${project().project}`;
  const ended = ['created', 'exited', 'dead'].flatMap((status) => ['--filter', `status=${status}`]);
  const containers = await lines('ps', '-aq', '--filter', label, ...ended);
  if (containers.length > 0) await docker('rm', ...containers);
  const volumes = await lines('volume', 'ls', '-q', '--filter', label, '--filter', 'dangling=true');
  if (volumes.length > 0) await docker('volume', 'rm', ...volumes);
}

const problems = async () => must(await project().horme(['status', '--json']), 0).json['problems'] as string[];
const releases = async () =>
  (must(await project().horme(['releases', '--json']), 0).json['releases'] as unknown[]).length;

beforeAll(async () => {
  await write('1');
  await project().deploy();
});

test('a new version finds the data of the one before, and never runs beside it', async () => {
  const before = await Promise.all(kept.map(volumeOf));
  const since = Math.floor(Date.now() / 1000);
  await write('2');
  await project().deploy();
  for (const service of kept) {
    expect(await lives(service)).toEqual(['1', '2']);
    expect(await mostAtOnce(service, since)).toBe(1);
  }
  expect(await Promise.all(kept.map(volumeOf))).toEqual(before);
});

test('Compose killed with its successor made and not in place: the next deploy goes on with the data', async () => {
  const { id, name } = await only('file');
  const volume = await volumeOf('file');
  // As Compose leaves it: the successor under a name for the time being, with the number of the one before, never started.
  const labels = [
    'horme.project',
    'com.docker.compose.project',
    'com.docker.compose.service',
    'com.docker.compose.container-number',
  ];
  const values = await Promise.all(
    labels.map((label) => docker('inspect', '--format', `{{index .Config.Labels "${label}"}}`, id)),
  );
  await docker('stop', '--time', '1', id);
  await docker(
    ...['create', '--name', `${id.slice(0, 12)}_${name}`, '--volume', `${volume}:/data`],
    ...labels.flatMap((label, index) => ['--label', `${label}=${values[index]}`]),
    ...['--label', 'horme.spec=other', '--label', 'com.docker.compose.oneoff=False', nodeImage, 'true'],
  );
  await project().deploy();
  expect(await lives('file')).toEqual(['1', '2', '2']);
  expect(await volumeOf('file')).toBe(volume);
});

test('a version that does not come up: the one before is back with the data', async () => {
  await write('3', { healthcheck: { test: ['CMD', 'false'], interval: '1s', retries: 1 }, 'x-horme': { ready: '3s' } });
  must(await project().horme(['deploy', '--json']), 10);
  expect((await lives('file')).at(-1)).toBe('2');
  expect((await lives('image')).slice(0, 2)).toEqual(['1', '2']);
});

test('a prune takes neither the releases nor what a rollback needs', async () => {
  const before = await releases();
  await prune();
  expect(await releases()).toBe(before);
  expect(await problems()).toEqual([]);
  // The secrets of release 1 were in a volume that nothing mounted.
  must(await project().horme(['rollback', '1', '--json']), 0);
  expect(await project().shows('/run/secrets/token')).toBe('1');
  expect((await lives('file')).slice(0, 2)).toEqual(['1', '2']);
});

test('the store taken away by hand: nothing is forgotten, status says it, and a deploy mends it', async () => {
  const before = await releases();
  await docker('rm', '-f', `${project().project}-horme-store`);
  expect(await releases()).toBe(before);
  expect((await problems()).join()).toContain('held by no running container');
  await write('1');
  expect((await project().deploy()).json).toMatchObject({ changed: false });
  expect(await problems()).toEqual([]);
  expect(await releases()).toBe(before);
});

test('a foreign container with the name of the lock is told at once', async () => {
  const name = `${project().project}-horme-lock`;
  const id = await docker('create', '--name', name, nodeImage, 'true');
  try {
    await write('5');
    const ran = must(await project().horme(['deploy', '--json', '--wait', '0']), 3);
    expect(ran.stdout + ran.stderr).toContain(`docker rename ${id.slice(0, 12)}`);
    expect(ran.seconds).toBeLessThan(10);
  } finally {
    await docker('rm', id);
  }
});

test('down names the volumes that have no name: those that it would delete, and those that it keeps', async () => {
  const volumes = await Promise.all(kept.map(volumeOf));
  const asked = must(await project().horme(['down', '--volumes', '--json']), 2);
  for (const name of volumes) expect(asked.stdout + asked.stderr).toContain(name);
  const ran = must(await project().horme(['down', '--json']), 0);
  expect(ran.json['anonymousVolumes']).toMatchObject(
    expect.arrayContaining(
      volumes.map((name) => expect.objectContaining({ name, path: '/data' }) as unknown),
    ) as unknown[],
  );
  const all = (await docker('volume', 'ls', '-q')).split('\n');
  expect(volumes.filter((name) => !all.includes(name))).toEqual([]);
});
