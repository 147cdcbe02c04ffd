import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { docker, must, useProject, type Project } from '../e2e/harness.ts';

const seconds = 1000;

/** No text: bytes that no encoding has. */
const bytes = () => Buffer.concat([Buffer.from([0, 0xff, 0xfe, 0x24]), randomBytes(300)]);

/** Containers of a service are compared by what the engine says of them. */
async function inspected(project: Project, service: string) {
  const [one] = await project.replicas(service);
  if (!one) throw new Error(`no ${service} runs`);
  return (JSON.parse(await docker('inspect', one.id)) as [Record<string, Record<string, unknown>>])[0];
}

async function inside(project: Project, service: string, ...command: string[]): Promise<string> {
  const [one] = await project.replicas(service);
  return (await docker('exec', one?.id ?? '', ...command)).trim();
}

const encoded = (project: Project, path: string) =>
  inside(
    project,
    'app',
    'node',
    '-e',
    `process.stdout.write(require('fs').readFileSync('${path}').toString('base64'))`,
  );

const hook = (word: string) => [
  { command: ['sh', '-c', `echo ${word} $$WHO $$(id -u) >> /log/hooks`], user: '0', environment: { WHO: 'it' } },
];

const app = {
  ...{
    image: 'compose-means:1',
    init: false,
    read_only: true,
    stop_signal: 'SIGINT',
    stop_grace_period: '1s',
    shm_size: '32m',
  },
  ...{ group_add: ['44'], sysctls: { 'net.core.somaxconn': '1024' }, cap_drop: ['NET_RAW'], dns_opt: ['timeout:1'] },
  ...{ extra_hosts: ['there:192.0.2.1'], tmpfs: ['/scratch:size=1m'], oom_score_adj: 100 },
  ulimits: { nofile: { soft: 1000, hard: 2000 } },
  secrets: [
    { source: 's', mode: 0o400, uid: '1000' },
    { source: 's', target: '/etc/elsewhere/s' },
  ],
  configs: [{ source: 'c', target: '/srv/deep/c.bin' }],
};

describe('on the engine', () => {
  const project = useProject('compose-means');
  const first = { secret: bytes(), config: bytes() };
  const write = (version: string, postStart = hook('started')) =>
    project().write(
      { VERSION: version },
      {
        ...{
          replicas: 1,
          app,
          top: { secrets: { s: { file: './s.bin' } }, configs: { c: { file: './c.bin' } }, volumes: { log: {} } },
        },
        services: {
          worker: {
            ...{ image: 'compose-means:1', environment: { VERSION: version }, volumes: ['log:/log'] },
            ...{ post_start: postStart, pre_stop: hook('stops') },
          },
        },
      },
    );

  test(
    'keys, bytes, modes and hooks are as the file says, and one image serves both services',
    async () => {
      await writeFile(join(project().directory, 's.bin'), first.secret);
      await writeFile(join(project().directory, 'c.bin'), first.config);
      await write('v1');
      await project().deploy();
      const { HostConfig: host, Config: config } = await inspected(project(), 'app');
      expect(host).toMatchObject({
        ...{
          ReadonlyRootfs: true,
          ShmSize: 32 * 1024 ** 2,
          GroupAdd: ['44'],
          Sysctls: { 'net.core.somaxconn': '1024' },
        },
        ...{
          CapDrop: [expect.stringMatching(/^(CAP_)?NET_RAW$/) as string],
          DnsOptions: ['timeout:1'],
          ExtraHosts: ['there:192.0.2.1'],
          OomScoreAdj: 100,
        },
        ...{ Tmpfs: { '/scratch': 'size=1m' }, Ulimits: [{ Name: 'nofile', Soft: 1000, Hard: 2000 }], Init: false },
      });
      expect(config).toMatchObject({ StopSignal: 'SIGINT' });
      expect(await encoded(project(), '/run/secrets/s')).toBe(first.secret.toString('base64'));
      expect(await encoded(project(), '/srv/deep/c.bin')).toBe(first.config.toString('base64'));
      expect(
        await inside(project(), 'app', 'stat', '-c', '%a %u', '/run/secrets/s', '/etc/elsewhere/s', '/srv/deep/c.bin'),
      ).toBe('400 1000\n444 1000\n444 1000');
      const [one, other] = await Promise.all([inspected(project(), 'app'), inspected(project(), 'worker')]);
      expect(other['Image']).toBe(one['Image']);
      expect(await inside(project(), 'worker', 'cat', '/log/hooks')).toBe('started it 0');
    },
    120 * seconds,
  );

  test(
    'another version stops with its hook; a rollback has the first bytes without the files',
    async () => {
      await writeFile(join(project().directory, 'c.bin'), bytes());
      await write('v2');
      const ran = await project().deploy();
      expect(ran.stdout).toMatch(/app-1 did not end within 1 s of its stop signal and was killed: .*init: true/);
      expect(await inside(project(), 'worker', 'cat', '/log/hooks')).toBe('started it 0\nstops it 0\nstarted it 0');
      expect(await encoded(project(), '/srv/deep/c.bin')).not.toBe(first.config.toString('base64'));
      await rm(join(project().directory, 'c.bin'));
      must(await project().horme(['rollback']), 0);
      expect(await encoded(project(), '/srv/deep/c.bin')).toBe(first.config.toString('base64'));
    },
    120 * seconds,
  );

  test(
    'a post_start that fails takes its release back',
    async () => {
      await writeFile(join(project().directory, 'c.bin'), first.config);
      await write('v3', [{ command: ['sh', '-c', 'echo not today; exit 3'], user: '0', environment: { WHO: 'it' } }]);
      const ran = must(await project().horme(['deploy', '--json']), 10);
      expect(ran.stdout).toMatch(/post_start .*ended with exit code 3/);
      expect(ran.stdout).toContain('not today');
      expect(await inside(project(), 'worker', 'printenv', 'VERSION')).toBe('v1');
    },
    60 * seconds,
  );
});
