import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigurationError, formatDiagnostic } from './diagnostics.ts';
import { cacheOptions } from '../parts/cache/index.ts';
import { databaseOptions } from '../parts/database/index.ts';
import { edgeOptions } from '../parts/edge/options.ts';
import { parts } from '../parts/index.ts';
import { loadStack } from './load.ts';
import type { LoadOptions } from './load.ts';
import type { Stack } from './stack.ts';

let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'horme-load-'));
  directory = join(root, 'shop');
  await mkdir(directory);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function load(files: Record<string, string> | string, options: Partial<LoadOptions> = {}): Promise<Stack> {
  const written = typeof files === 'string' ? { 'compose.yaml': files } : files;
  for (const [name, content] of Object.entries(written)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  const { PATH, HOME, DOCKER_CONFIG } = process.env;
  const signal = AbortSignal.timeout(30_000);
  return loadStack({ directory, processEnvironment: { PATH, HOME, DOCKER_CONFIG }, parts, signal, ...options });
}

async function problems(files: Record<string, string> | string, options: Partial<LoadOptions> = {}): Promise<string> {
  const error = await load(files, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConfigurationError)) throw new Error('the stack was accepted', { cause: error });
  return error.message;
}

const shop = `name: shop
services:
  api:
    build: ./api
    deploy: { replicas: 3, resources: { limits: { cpus: "1.0", memory: 2G }, reservations: { cpus: "0.5", memory: 256M } } }
    healthcheck: { test: ["CMD", "/app/check"], interval: 5s, retries: 10, start_period: 60s }
    stop_grace_period: 1m30s
    environment: { DATABASE_URL: "\${DATABASE_URL}?a=$$b", REDIS_URL: , PLAIN: "x$$y", HOST: "\${DOMAIN}" }
    depends_on: { seed: { condition: service_completed_successfully } }
    x-horme:
      route: { host: api.example.com, port: 8000 }
      migrate: ["node", "migrate.js"]
      health: /health/ready
      drain: 45s
  frontend:
    image: shop/frontend
    x-horme: { route: [{ port: 8080 }, { host: www, path: /docs/, port: 8081 }] }
  seed: { image: shop/seed }
x-horme:
  database: { memory: 1g }
  cache:
  environments:
    staging: { domain: staging.example.com, profiles: [debug] }
    production: { domain: example.com, context: prod, ports: { https: 4433 } }
`;

describe('a whole application', () => {
  test('is read with its defaults', async () => {
    const stack = await load(shop, { environment: 'production' });
    expect(stack.project).toBe('shop-production');
    expect(stack.model.name).toBe('shop-production');
    expect(stack.environment).toEqual({
      name: 'production',
      domain: 'example.com',
      context: 'prod',
      ports: { http: 80, https: 4433 },
    });
    expect(databaseOptions(stack)).toEqual({
      version: 17,
      memoryBytes: 1024 ** 3,
      archived: false,
      replicas: 0,
      durability: 'async',
      failover: 'normal',
      pooler: false,
      parameters: {},
      migrations: { lockTimeoutSeconds: 5, statementTimeoutSeconds: 900 },
    });
    expect(cacheOptions(stack)).toEqual({ memoryBytes: 128 * 1024 ** 2, persistence: true, eviction: 'noeviction' });
    expect([edgeOptions(stack).maxBodyBytes, stack.watchSeconds]).toEqual([10 * 1024 ** 2, 10]);
    expect(stack.services.map(({ name, kind }) => [name, kind])).toEqual([
      ['seed', 'job'],
      ['api', 'service'],
      ['frontend', 'service'],
    ]);
    expect(JSON.stringify(stack.model)).not.toMatch(/x-horme|horme:\/\//);
    expect(stack.warnings).toEqual([]);
  });

  test('a service has its figures and its secret variables', async () => {
    const stack = await load(shop, { environment: 'production' });
    const api = stack.services.find(({ name }) => name === 'api');
    expect(api).toMatchObject({
      replicas: 3,
      routes: [
        {
          ...{ host: 'api.example.com', path: '/', port: 8000 },
          health: { path: '/health/ready', method: 'GET', status: '200-399', timeout: 2 },
        },
      ],
      strategy: { kind: 'surge' },
      migrate: ['node', 'migrate.js'],
      readySeconds: 110,
      drainSeconds: 45,
      longLivedSeconds: 10,
      stopSeconds: 90,
      reservation: { cpus: 0.5, memoryBytes: 256 * 1024 ** 2 },
      dependsOn: [{ service: 'seed', condition: 'service_completed_successfully' }],
      secretVariables: [
        { variable: 'DATABASE_URL', template: '{database-url}?a=$b' },
        { variable: 'REDIS_URL', template: '{redis-url}' },
      ],
    });
    expect(api?.definition.environment).toEqual({ HOST: 'example.com', PLAIN: 'x$$y' });
    expect(stack.model.services['api']).toBe(api?.definition);
  });

  test('its hosts move with the environment', async () => {
    const hosts = async (environment: string) =>
      (await load(shop, { environment })).services.flatMap(({ routes }) => routes.map(({ host, path }) => host + path));
    expect(await hosts('staging')).toEqual([
      'api.staging.example.com/',
      'staging.example.com/',
      'www.staging.example.com/docs',
    ]);
    expect(await hosts('local')).toEqual(['api.shop.localhost/', 'shop.localhost/', 'www.shop.localhost/docs']);
  });

  test('it is hardened where it says nothing', async () => {
    const stack = await load(shop, { environment: 'production' });
    const [seed, api] = stack.services.map(({ definition }) => definition);
    expect(api).toMatchObject({
      restart: 'unless-stopped',
      security_opt: ['no-new-privileges:true'],
      logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
      deploy: { resources: { limits: { cpus: 1, pids: 512 } } },
    });
    expect(api).not.toHaveProperty('pids_limit');
    expect(seed).toMatchObject({ restart: 'no', pids_limit: 512 });
  });
});

describe('a plain file', () => {
  test('with one service that publishes a port gets a route', async () => {
    const stack = await load('services: { web: { image: nginx, ports: ["8000:80"] } }');
    expect(stack.environment).toEqual({
      name: 'local',
      domain: 'shop.localhost',
      context: undefined,
      ports: { http: 8080, https: 8443 },
    });
    expect(stack.services[0]).toMatchObject({
      routes: [{ host: 'shop.localhost', path: '/', port: 80 }],
      strategy: { kind: 'surge' },
    });
    expect(stack.services[0]?.definition.ports).toBeUndefined();
    expect(stack.warnings).toEqual(['web: port 8000 is not published on the host; the edge publishes it']);
  });

  test('with an exposed port and a worker gets a route', async () => {
    const stack = await load('services: { web: { image: nginx, expose: [3000] }, worker: { image: busybox } }');
    expect(stack.services.map(({ routes }) => routes.map(({ port }) => port))).toEqual([[3000], []]);
  });

  test('with a build argument that looks like a secret says who can read it', async () => {
    const args = '{ NPM_TOKEN: a, API_KEY: b, db_password: c, EMPTY_TOKEN: "", MONKEY: d, PUBLIC_KEY: e, KEYBOARD: f }';
    const stack = await load(`services: { web: { build: { context: ., args: ${args} }, expose: [3000] } }`);
    const names = stack.warnings.map(
      (text) => /the build argument (\S+) can be read in .*build\.secrets/.exec(text)?.[1],
    );
    expect(names.sort()).toEqual(['API_KEY', 'NPM_TOKEN', 'db_password']);
  });

  test('with two candidates says that there is no route', async () => {
    const stack = await load('services: { a: { image: x, ports: [80] }, b: { image: x, ports: [81] } }');
    expect(stack.warnings).toEqual([expect.stringMatching(/no service has a route/)]);
  });
});

describe('the question that a replica is asked', () => {
  const file = (extension: string) => `services: { web: { image: x, x-horme: ${extension} } }`;

  test('is the service’s at every port, and the route’s own where it has one', async () => {
    const routes =
      '[{ port: 80 }, { host: admin, port: 81, health: { path: /up, method: HEAD, status: 204, timeout: 500ms } }, { host: raw, port: 82, health: false }]';
    const stack = await load(file(`{ health: /ready, route: ${routes} }`));
    expect(stack.services[0]?.routes.map(({ port, health }) => [port, health])).toEqual([
      [80, { path: '/ready', method: 'GET', status: '200-399', timeout: 2 }],
      [81, { path: '/up', method: 'HEAD', status: '204', timeout: 0.5 }],
      [82, undefined],
    ]);
  });

  test('two for one port are refused', async () => {
    const routes = '[{ port: 80 }, { host: admin, port: 80, health: /up }]';
    await expect(load(file(`{ health: /ready, route: ${routes} }`))).rejects.toThrow('different health checks');
  });

  test.each([
    ['a status', '{ path: /, status: 2xx }', 'not a status'],
    ['a time', '{ path: /, timeout: 2m }', 'not a time that a check may take'],
    ['a path', 'ready', 'not a path'],
  ])('without %s that can be, it is refused', async (_what, health, message) => {
    await expect(load(file(`{ health: ${health}, route: { port: 80 } }`))).rejects.toThrow(message);
  });

  test('of a service without a route is not asked, and that is said', async () => {
    const stack = await load(file('{ health: /ready }'));
    expect(stack.warnings).toContainEqual(expect.stringContaining('x-horme.health is not asked'));
  });
});

describe('files', () => {
  test('an environment has its override, its variables and its profiles', async () => {
    const files = {
      'compose.yaml': shop,
      'compose.staging.yaml': `services:
  api: { image: "shop/api:\${TAG}", x-horme: { drain: 3s } }
  debug: { image: "\${BASE}/debug", profiles: [debug] }
x-horme: { database: { memory: 256m } }
`,
      '.env': 'TAG=base\nBASE=shop\n',
      '.env.staging': 'TAG=canary\n',
    };
    const stack = await load(files, { environment: 'staging' });
    const api = stack.services.find(({ name }) => name === 'api');
    expect(api).toMatchObject({
      drainSeconds: 3,
      routes: [{ health: { path: '/health/ready' } }],
      definition: { image: 'shop/api:canary' },
    });
    expect(databaseOptions(stack)?.memoryBytes).toBe(256 * 1024 ** 2);
    expect(stack.services.map(({ name }) => name)).toContain('debug');
    expect(stack.services.find(({ name }) => name === 'debug')?.definition.image).toBe('shop/debug');
  });

  test('several named files are read in their order, and nothing else', async () => {
    const files = {
      'a.yml': 'services: { a: { image: x, expose: [1] } }',
      'b.yml': 'services: { a: { image: y } }',
      'compose.yaml': 'services: { c: { image: z } }',
    };
    const stack = await load(files, { files: ['a.yml', 'b.yml'] });
    expect(stack.services.map(({ name, definition }) => [name, definition.image])).toEqual([['a', 'y']]);
  });

  test('extends, include, env_file, configs and secrets', async () => {
    const stack = await load({
      'compose.yaml': `include: [more/compose.yaml]
services:
  api: { extends: { file: base/base.yaml, service: base }, configs: [site], secrets: [key], expose: [80] }
configs: { site: { file: ./site.conf } }
secrets: { key: { file: ./key } }
`,
      'base/base.yaml': 'services: { base: { image: x, env_file: a.env, x-horme: { drain: 7s, health: /ok } } }',
      'base/a.env': 'A=1\n',
      'more/compose.yaml': 'services: { worker: { image: w, x-horme: { ready: 5s } } }',
      'site.conf': '',
      key: '',
    });
    const [api, worker] = stack.services;
    expect(api).toMatchObject({
      name: 'api',
      drainSeconds: 7,
      routes: [{ health: { path: '/ok' } }],
      definition: { environment: { A: '1' } },
    });
    expect(api?.definition.secrets).toHaveLength(1);
    expect(worker).toMatchObject({ name: 'worker', readySeconds: 5, routes: [] });
  });

  test('the file is looked for in the folders above, like Compose', async () => {
    await mkdir(join(directory, 'deep/er'), { recursive: true });
    const stack = await load('services: { a: { image: x } }', { directory: join(directory, 'deep/er') });
    expect(stack.directory).toBe(directory);
  });

  test('a folder without a file says so', async () => {
    await expect(load({}, { directory: '/proc' })).rejects.toMatchObject({ code: 'no-compose-file', exitCode: 2 });
  });

  test('a development override is not read, and that is said', async () => {
    const stack = await load({
      'compose.yaml': 'services: { a: { image: x } }',
      'compose.override.yaml': 'services: { b: { image: x } }',
    });
    expect(stack.services).toHaveLength(1);
    expect(stack.warnings[0]).toMatch(/compose\.override\.yaml is not read/);
  });
});

describe('what must not run twice is replaced stop-first', () => {
  const cases: [text: string, reason: string][] = [
    ['volumes: ["data:/data"]', 'owns the volume data'],
    ['volumes: ["./data:/data"]', 'owns the bind mount /'],
    ['ports: ["5432:5432"]', 'publishes port 5432'],
    ['container_name: only', 'has the container name only'],
    ['network_mode: host', "uses the host's network"],
    ['volumes: ["/data", "/more"]', 'keeps data in the anonymous volumes /data, /more'],
  ];
  test.each(cases)('%s', async (text, reason) => {
    const stack = await load(
      `services: { web: { image: x, expose: [80], x-horme: { route: { port: 80 } } }, db: { image: x, ${text} } }\nvolumes: { data: {} }`,
    );
    const db = stack.services.find(({ name }) => name === 'db');
    expect(db?.strategy).toMatchObject({ kind: 'stop-first', reason: expect.stringContaining(reason) as unknown });
  });

  test('what only reads may run twice', async () => {
    const stack = await load(
      'services: { a: { image: x, volumes: ["data:/data:ro", "./a:/a:ro"], tmpfs: [/tmp] } }\nvolumes: { data: {} }',
    );
    expect(stack.services[0]?.strategy).toEqual({ kind: 'surge' });
  });

  test('several replicas of it are refused, or warned of', async () => {
    const found = await problems('services: { db: { image: x, ports: ["1:2", "3:4"], deploy: { replicas: 2 } } }');
    expect(found).toMatch(/compose\.yaml:1:\d+ services\.db\.ports: 2 replicas/);
    const stack = await load('services: { db: { image: x, volumes: ["rows:/d"], scale: 2 } }\nvolumes: { rows: {} }');
    expect(stack.warnings.join()).toMatch(/db: 2 replicas, and it owns the volume rows/);
    const own = await load('services: { db: { image: x, volumes: ["/d"], scale: 2, x-horme: { migrate: [up] } } }');
    expect(own.warnings).toEqual(
      expect.arrayContaining([
        'db: 2 replicas, and each has data of its own in /d',
        'db: its migration does not see the data in /d: give the volume a name',
      ]),
    );
  });
});

describe('choosing the environment', () => {
  const two =
    'services: { a: { image: x } }\nx-horme: { environments: { staging: { domain: a.test }, production: { domain: b.test } } }';
  const one = 'services: { a: { image: x } }\nx-horme: { environments: { production: { domain: "${SITE}" } } }';
  test('the only one is it, and its domain may be a variable', async () => {
    const stack = await load({ 'compose.yaml': one, '.env.production': 'SITE=shop.test\n' });
    expect(stack.environment).toMatchObject({ name: 'production', domain: 'shop.test' });
  });
  test('HORME_ENV chooses, and --env before it', async () => {
    const { PATH, HOME, DOCKER_CONFIG } = process.env;
    const processEnvironment = { PATH, HOME, DOCKER_CONFIG, HORME_ENV: 'staging' };
    expect((await load(two, { processEnvironment })).environment.name).toBe('staging');
    expect((await load(two, { processEnvironment, environment: 'local' })).environment.name).toBe('local');
  });
  test('several and none chosen: they are listed', async () => {
    expect(await problems(two)).toMatch(
      /compose\.yaml:2:12 x-horme\.environments: several environments are declared \(staging, production\)/,
    );
  });
  test('an unknown one has a suggestion', async () => {
    expect(await problems(two, { environment: 'prodution' })).toMatch(/did you mean "production"\?/);
  });
  test('an environment needs a domain', async () => {
    const text = 'services: { a: { image: x } }\nx-horme: { environments: { production: {} } }';
    expect(await problems(text)).toMatch(/x-horme\.environments\.production: the environment has no domain/);
  });
});

describe('problems', () => {
  test('come all at once, each with its place and its mend', async () => {
    const found = await problems(`services:
  api:
    image: "x; touch p"
    x-horme:
      rout: { port: 80 }
      drain: 30
      health: "/a b"
  web:
    image: nginx
    environment: { KEY: "\${UNSET}", OTHER: "\${UNSET:-fine}" } # \${IN_A_COMMENT}
    x-horme: { route: [{ port: 99999, host: "a;b" }] }
x-horme:
  monitoring: {}
  cahce: {}
  deploy: { watch: 10q }
  edge: { maxBody: huge }
`);
    expect(found.split('\n')).toEqual([
      '11 problems in compose.yaml',
      'compose.yaml:3:5 services.api.image: "x; touch p" is not an image reference — write it as registry/name:tag, in lower case',
      'compose.yaml:5:7 services.api.x-horme.rout: unknown key — did you mean "route"?',
      'compose.yaml:6:7 services.api.x-horme.drain: not a duration — write a number with its unit, such as 30s or 1m30s',
      'compose.yaml:7:7 services.api.x-horme.health: not a path — write it as /health/ready',
      'compose.yaml:10:26 services.web.environment.KEY: the variable UNSET is not set and has no default — set it in .env.<environment>, or write ${UNSET:-default}',
      expect.stringMatching(
        /^compose\.yaml:11:26 services\.web\.x-horme\.route\.0\.port: not a port — give a number/,
      ) as unknown as string,
      expect.stringMatching(
        /^compose\.yaml:11:39 services\.web\.x-horme\.route\.0\.host: not a host name/,
      ) as unknown as string,
      'compose.yaml:13:3 x-horme.monitoring: monitoring is not available in this version yet — take it out until it is',
      'compose.yaml:14:3 x-horme.cahce: unknown key — did you mean "cache"?',
      expect.stringMatching(/^compose\.yaml:15:/) as unknown as string,
      expect.stringMatching(/^compose\.yaml:16:/) as unknown as string,
    ]);
  });

  test("Compose's own come with a position, beside ours", async () => {
    const found = await problems('services:\n  api:\n    image: x\n    imgae: y\nx-horme: { cahce: {} }\n');
    expect(found).toMatch(/compose\.yaml:4:5 services\.api\.imgae: .*dditional propert.* '?imgae'? (is )?not allowed/);
    expect(found).toMatch(/did you mean "cache"/);
    expect(await problems('services:\n  a: { image: "${X:?give it}" }\n')).toMatch(
      /compose\.yaml:2:8 services\.a\.image: .*required variable X/,
    );
    expect(await problems('services:\n  a: { image: x, depends_on: [b] }\n')).toMatch(
      /:2:18 services\.a\.depends_on: .*undefined service "b"/,
    );
    expect(await problems('services: { a: { image: x, depends_on: [b] }, b: { image: x, depends_on: [a] } }')).toMatch(
      /cycle/,
    );
  });

  test('a position is in the file that has the last word', async () => {
    const found = await problems(
      {
        'compose.yaml': 'services:\n  a: { image: x }\n',
        'compose.local.yaml': '# mine\nservices:\n  a: { x-horme: { dran: 1s } }\n',
      },
      { environment: 'local' },
    );
    expect(found).toMatch(
      /^compose\.local\.yaml:3:\d+ services\.a\.x-horme\.dran: unknown key — did you mean "drain"\?/m,
    );
  });

  test('an excerpt points at the place', async () => {
    const error = await load('services:\n  a:\n    image: x\n    x-horme: { rout: 1 }\n').catch(
      (thrown: unknown) => thrown,
    );
    expect((error as ConfigurationError).excerpts()).toContain(
      '  4 |     x-horme: { rout: 1 }\n    |                ^',
    );
  });

  const cases: [name: string, text: string, expected: RegExp][] = [
    [
      'two services at one address',
      'services: { a: { image: x, x-horme: { route: { port: 1 } } }, b: { image: x, x-horme: { route: { port: 1 } } } }',
      /services\.b\.x-horme\.route: shop\.localhost\/ already goes to a/,
    ],
    [
      'a secret in the arguments',
      'services: { a: { image: x, command: ["--db=${DATABASE_URL}"] } }\nx-horme: { database: {} }',
      /services\.a\.command\.0: \$\{DATABASE_URL\} holds a password/,
    ],
    [
      'a secret in a config',
      'services: { a: { image: x, configs: [c] } }\nconfigs: { c: { content: "${DATABASE_URL}" } }\nx-horme: { database: {} }',
      /configs\.c\.content: \$\{DATABASE_URL\}/,
    ],
    [
      'a database that was not asked for',
      'services: { a: { image: x, environment: ["U=${DATABASE_URL}"] } }',
      /DATABASE_URL is not set.*add `database: \{\}` under x-horme/,
    ],
    [
      "the platform's names",
      'services: { horme-edge: { image: x } }',
      /names that begin with horme- are the platform's/,
    ],
    [
      "the platform's labels",
      'services: { a: { image: x, labels: { com.docker.compose.project: other } } }',
      /is the platform's/,
    ],
    [
      'a port of the edge',
      'services: { a: { image: x, ports: ["8443:1", "2:2"] } }',
      /services\.a\.ports: port 8443 of the host is the edge's/,
    ],
    [
      'a job with a route',
      'services: { a: { image: x, x-horme: { job: true, route: { port: 1 } } } }',
      /a job cannot have a route/,
    ],
    [
      'a name with a variable',
      'name: "${X:-a}"\nservices: { a: { image: x } }',
      /compose\.yaml:1:1 name: .*not a name for the application/,
    ],
    [
      'a maintenance page outside',
      'services: { a: { image: x } }\nx-horme: { edge: { maintenancePage: ../page.html } }',
      /leads outside/,
    ],
    ['no active service', 'services: { a: { image: x, profiles: [p] } }', /no service is active/],
    [
      'a list where a mapping belongs',
      'services: { a: { image: x, x-horme: [1] } }',
      /services\.a\.x-horme: expected a mapping, found a list/,
    ],
    [
      'a wrong branch',
      'services: { a: { image: x, x-horme: { route: { prt: 1 } } } }',
      /route\.prt: unknown key — did you mean "port"/,
    ],
    [
      'a container of another project',
      'services: { a: { image: x, network_mode: "container:x" } }',
      /is not supported/,
    ],
    [
      'an alias with a directive',
      'services: { a: { image: x, networks: { default: { aliases: ["x;y"] } } } }',
      /"x;y" is not a name/,
    ],
    ['a label with a newline', 'services: { a: { image: x, labels: { a: "b\\nc" } } }', /control character/],
  ];
  test.each(cases)('%s', async (_name, text, expected) => {
    expect(await problems(text)).toMatch(expected);
  });
});

describe('what reaches past the project', () => {
  const cases: [name: string, service: string, expected: RegExp][] = [
    ['a mount by ..', 'volumes: ["../../etc:/x"]', /leaves the project directory|reaches the system folder/],
    ['a mount beside the project', 'volumes: ["../other:/x"]', /leaves the project directory/],
    ['a link', 'volumes: ["./link:/x"]', /\/link \(really \/etc\) reaches the system folder \/etc/],
    ['the socket', 'volumes: ["/var/run/docker.sock:/s"]', /reaches the Docker socket/],
    ["the socket's parent", 'volumes: ["/run:/s"]', /reaches the Docker socket/],
    ['the root', 'volumes: ["/:/host:ro"]', /reaches the Docker socket/],
    ['a volume that is a bind mount', 'volumes: ["disguised:/x"]', /volumes\.disguised\.driver_opts: \/etc reaches/],
    ['a secret file', 'secrets: [outside]', /secrets\.outside\.file: \/etc\/shadow reaches/],
    ['a build of the host', 'build: /', /is the whole host/],
    ['privileged', 'privileged: true', /services\.a\.privileged: .*option: privileged/],
    ['host pid', 'pid: host', /option: pid/],
    ['a capability', 'cap_add: [CAP_SYS_ADMIN]', /the capability SYS_ADMIN/],
    ['no seccomp', 'security_opt: ["seccomp:unconfined"]', /option: security_opt/],
    ['a device', 'devices: ["/dev/sda:/dev/sda"]', /option: devices/],
  ];
  const around = (service: string) => `services: { a: { image: x, ${service} } }
volumes: { disguised: { driver_opts: { type: none, o: bind, device: /etc } } }
secrets: { outside: { file: /etc/shadow } }
`;
  test.each(cases)('%s', async (_name, service, expected) => {
    await symlink('/etc', join(directory, 'link'));
    const text = service.includes('outside') ? around(service) : around(service).replace(/^secrets.*\n/m, '');
    expect(await problems(text)).toMatch(expected);
  });

  test('privilege behind a merge', async () => {
    expect(await problems('x-p: &p { privileged: true }\nservices: { a: { <<: *p, image: x } }')).toMatch(
      /services\.a\.privileged/,
    );
  });

  test('is allowed by name, with a reason', async () => {
    const stack = await load(`services:
  a:
    image: x
    privileged: true
    volumes: ["/var/run/docker.sock:/s:ro", "../beside:/b:ro"]
    x-horme:
      allow:
        - { mount: /var/run/docker.sock, reason: "it watches containers" }
        - { mount: ../beside, reason: "shared with the importer" }
        - { option: privileged, reason: "it loads a kernel module" }
`);
    expect(stack.services[0]?.definition.volumes).toHaveLength(2);
  });

  test('an allowance without a reason is refused', async () => {
    expect(await problems('services: { a: { image: x, x-horme: { allow: [{ mount: /etc }] } } }')).toMatch(
      /allow\.0\.reason: missing/,
    );
  });
});

test('an extension that is interpolated is read as Compose resolves it', async () => {
  const { PATH, HOME, DOCKER_CONFIG } = process.env;
  const stack = await load('services: { a: { image: x, x-horme: { route: { host: "${SUB}", port: 80 } } } }', {
    processEnvironment: { PATH, HOME, DOCKER_CONFIG, SUB: 'api' },
  });
  expect(stack.services[0]?.routes).toEqual([{ host: 'api.shop.localhost', path: '/', port: 80 }]);
});

test('$$ in x-horme means $, as in the rest of the file, and a variable is interpolated', async () => {
  const stack = await load(
    `name: t
services:
  web:
    image: web:1
    x-horme: { route: { port: 80 }, migrate: ["sh", "-c", "echo $$HOME \${GREETING}"] }
x-horme: { environments: { local: { domain: "\${GREETING}.localhost" } } }
`,
    { processEnvironment: { PATH: process.env['PATH'], HOME: process.env['HOME'], GREETING: 'hello' } },
  );
  expect(stack.services[0]?.migrate).toEqual(['sh', '-c', 'echo $HOME hello']);
  expect(stack.environment.domain).toBe('hello.localhost');
});

describe('update_config', () => {
  const updated = (own: string) =>
    load(`name: t
services:
  bot:
    image: bot:1
    ${own}
x-horme: { environments: { local: {} } }
`);
  const strategyOf = async (own: string) => (await updated(own)).services[0]?.strategy;

  test('order: stop-first is obeyed, start-first where nothing forbids it', async () => {
    const stop = await strategyOf('deploy: { update_config: { order: stop-first }, replicas: 2 }');
    expect(stop).toEqual({ kind: 'stop-first', reason: 'has `update_config.order: stop-first`' });
    expect(await strategyOf('deploy: { update_config: { order: start-first } }')).toEqual({ kind: 'surge' });
    const against = await strategyOf('deploy: { update_config: { order: start-first } }\n    volumes: ["./d:/d"]');
    expect(against).toMatchObject({
      kind: 'stop-first',
      reason: expect.stringMatching(/owns .*start-first/) as string,
    });
  });

  test('what Horme does otherwise is told, key by key', async () => {
    const { warnings } = await updated(
      'deploy: { update_config: { parallelism: 2, delay: 5s, failure_action: rollback, monitor: 30s }, rollback_config: { delay: 1s } }',
    );
    const told = warnings.filter((text) => text.startsWith('services.bot.deploy.'));
    expect(told).toHaveLength(4);
    expect(told.join('\n')).toMatch(/rollback_config[^]*delay[^]*monitor[^]*parallelism/);
  });

  test('a fixed address is had by one container at a time', async () => {
    const stack = await load(`name: t
services: { bot: { image: "bot:1", networks: { n: { ipv4_address: 10.9.8.7 } } } }
networks: { n: { ipam: { config: [{ subnet: 10.9.8.0/24 }] } } }
x-horme: { environments: { local: {} } }
`);
    expect(stack.services[0]?.strategy).toEqual({ kind: 'stop-first', reason: 'has the address 10.9.8.7' });
  });
});

test('init is as the file says: none by default, as in Compose', async () => {
  const stack = await load(
    'name: t\nservices: { a: { image: "a:1" }, b: { image: "b:1", init: true } }\nx-horme: { environments: { local: {} } }\n',
  );
  expect(stack.services.map(({ definition }) => definition['init'])).toEqual([undefined, true]);
});

describe('what tells Compose which files to read', () => {
  const files = {
    'compose.yaml':
      'name: t\nservices: { web: { image: "web:1", environment: { X: base, Y: "${Y-none}" } }, extra: { image: "e:1", profiles: [more] } }\nx-horme: { environments: { local: {} } }\n',
    'prod.yaml': 'services: { web: { environment: { X: prod } } }\n',
  };
  const shell = (own: Record<string, string> = {}) => ({
    processEnvironment: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...own },
  });
  const x = ({ services }: Stack) => services.find(({ name }) => name === 'web')?.definition.environment?.['X'];
  const y = ({ services }: Stack) => services.find(({ name }) => name === 'web')?.definition.environment?.['Y'];

  test('COMPOSE_FILE in .env counts, with its separator; the shell wins', async () => {
    expect(x(await load({ ...files, '.env': 'COMPOSE_FILE="compose.yaml:prod.yaml"\n' }))).toBe('prod');
    expect(x(await load({ '.env': 'COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE=compose.yaml,prod.yaml\n' }))).toBe('prod');
    expect(x(await load({}, shell({ COMPOSE_FILE: 'compose.yaml' })))).toBe('base');
    expect(x(await load({}, shell({ COMPOSE_DISABLE_ENV_FILE: '1' })))).toBe('base');
    expect(x(await load({}, { files: ['compose.yaml'] }))).toBe('base');
  });

  test('a folder below the project finds its .env too', async () => {
    await load({ ...files, '.env': 'COMPOSE_FILE=compose.yaml:prod.yaml\n', 'src/main.js': '' });
    expect(x(await load({}, { directory: join(directory, 'src'), directoryNamed: false }))).toBe('prod');
  });

  test('COMPOSE_PROFILES in .env enables profiles; COMPOSE_ENV_FILES replaces .env', async () => {
    const stack = await load({ ...files, '.env': 'COMPOSE_PROFILES=more\nY=dot\n', 'other.env': 'Y=other\n' });
    expect(stack.services.map(({ name }) => name)).toEqual(['extra', 'web']);
    expect(y(stack)).toBe('dot');
    const replaced = await load({}, shell({ COMPOSE_ENV_FILES: join(directory, 'other.env') }));
    expect([y(replaced), replaced.services.length]).toEqual(['other', 1]);
    expect(y(await load({}, shell({ COMPOSE_DISABLE_ENV_FILE: 'true' })))).toBe('none');
  });

  test('COMPOSE_PROJECT_NAME is told, wherever it is', async () => {
    const told = expect.stringContaining('the project is t-local') as string;
    expect((await load({ ...files, '.env': 'COMPOSE_PROJECT_NAME=mine\n' })).warnings).toEqual(
      expect.arrayContaining([told]),
    );
    expect((await load({ '.env': '' }, shell({ COMPOSE_PROJECT_NAME: 'mine' }))).warnings).toEqual(
      expect.arrayContaining([told]),
    );
    expect((await load({}, shell({ COMPOSE_PROJECT_NAME: 't-local' }))).warnings.join()).not.toContain('PROJECT_NAME');
  });

  test('the project directory is that of the first file, unless one is named', async () => {
    await load({ ...files, '.env': 'Y=dot\n', 'ops/compose.yaml': files['compose.yaml'], 'ops/.env': 'Y=ops\n' });
    const file = join(directory, 'ops/compose.yaml');
    const there = await load({}, { files: [file], directory: root, directoryNamed: false });
    expect([y(there), there.directory]).toEqual(['ops', join(directory, 'ops')]);
    const named = await load({}, { files: [file] });
    expect([y(named), named.directory]).toEqual(['dot', directory]);
  });

  test('a secret from a variable of an environment file has its value', async () => {
    const text = `name: t
services: { web: { image: "web:1", secrets: [s, gone] } }
secrets: { s: { environment: MY_SECRET }, gone: { environment: MY_GONE } }
x-horme: { environments: { local: {} } }
`;
    const stack = await load({ 'compose.yaml': text, '.env.local': "MY_SECRET='a$b'\n" });
    expect(stack.fileVariables).toEqual({ MY_SECRET: 'a$b' });
    expect(JSON.stringify(stack.model)).not.toContain('a$');
  });
});

test('a path with a $ is checked as it is opened', async () => {
  await writeFile(join(root, 'outside'), 'secret');
  await symlink(join(root, 'outside'), join(directory, 'a$b'));
  const text = `name: t
services: { web: { image: "web:1", secrets: [s] } }
secrets: { s: { file: "./a$$b" } }
x-horme: { environments: { local: {} } }
`;
  expect(await problems(text)).toMatch(/a\$b .*leaves the project directory/);
});

describe('what is done while Compose works', () => {
  const text =
    'name: shop\nservices: { api: { image: x } }\nx-horme: { environments: { prod: { domain: a.example, context: far } } }\n';

  test('begins once the project and its context are known', async () => {
    const seen: unknown[] = [];
    const onNamed = async (named: unknown) => seen.push(named);
    await load(text, { environment: 'prod', onNamed });
    expect(seen).toEqual([{ project: 'shop-prod', context: 'far' }]);
  });

  test('an engine that never answers, or refuses, holds nothing up', async () => {
    for (const answer of [() => new Promise(() => undefined), () => Promise.reject(new Error('refused'))]) {
      const stack = await load(text, { environment: 'prod', onNamed: answer });
      expect(stack.project).toBe('shop-prod');
    }
  });
});

test('a folder or a Dockerfile that a build names and that is not there is noted with its line, for who needs the sources', async () => {
  const { sourceProblems } = await load({
    'compose.yaml': 'services:\n  web:\n    build: ./wroker\n  worker:\n    build:\n      context: ./worker\n',
    'worker/main.js': '',
  });
  expect(sourceProblems.map(formatDiagnostic)).toEqual([
    'compose.yaml:3:5 services.web.build.context: there is no ./wroker — did you mean "./worker"?',
    'compose.yaml:5:5 services.worker.build.dockerfile: there is no Dockerfile in ./worker — write one, or name it with `dockerfile:`',
  ]);
});
