import { parts } from '../parts/index.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { composeConfig } from '../engine/compose-config.ts';
import { composeKeys } from '../stack/compose-keys.ts';
import { loadStack } from '../stack/load.ts';
import { prepare } from './prepare.ts';
import { vault } from './testing.ts';

/** As many of the keys that are passed on as the installed Compose takes in one file. */
const text = `name: t
services:
  web:
    image: x
    annotations: { a: "b$$c" }
    attach: false
    blkio_config: { weight: 300, device_read_bps: [{ path: /dev/sda, rate: 12mb }] }
    cap_add: [CHOWN, ALL]
    cap_drop: [NET_RAW]
    cgroup: host
    cgroup_parent: parent
    command: ["a", "b$$c", "$$$$"]
    cpu_count: 1
    cpu_percent: 50
    cpu_period: 100000
    cpu_quota: 50000
    cpu_rt_period: 900
    cpu_rt_runtime: 800
    cpu_shares: 512
    cpuset: "0"
    credential_spec: { registry: spec }
    device_cgroup_rules: ["c 1:3 mr"]
    devices: ["/dev/null:/dev/other:r"]
    dns: [1.1.1.1]
    dns_opt: ["timeout:1"]
    dns_search: [example.com]
    domainname: example.com
    entrypoint: ["e", "f"]
    external_links: [other]
    extra_hosts: ["a:1.2.3.4"]
    gpus: [{ driver: nvidia, count: 1, capabilities: [gpu] }]
    group_add: ["44"]
    healthcheck: { test: ["CMD", "echo", "$$X"], interval: 7s, timeout: 3s, retries: 5, start_period: 4s, start_interval: 2s }
    hostname: h
    init: false
    ipc: host
    isolation: default
    labels: { l: "m$$n" }
    links: [plain]
    logging: { driver: json-file, options: { max-size: 1m } }
    mem_limit: 64m
    mem_reservation: 32m
    mem_swappiness: 10
    memswap_limit: 128m
    networks: { n: { aliases: [al], priority: 3, link_local_ips: [169.254.1.1] } }
    oom_kill_disable: true
    oom_score_adj: 100
    pid: host
    pids_limit: 99
    platform: linux/amd64
    ports: [{ target: 81, protocol: udp, app_protocol: http, name: p, host_ip: 127.0.0.1 }]
    privileged: true
    read_only: true
    restart: on-failure
    runtime: runc
    security_opt: ["no-new-privileges:true"]
    shm_size: 32m
    stdin_open: true
    stop_grace_period: 3s
    stop_signal: SIGINT
    storage_opt: { size: 1G }
    sysctls: { net.core.somaxconn: "1024" }
    tmpfs: ["/t:size=1m"]
    tty: true
    ulimits: { nofile: { soft: 100, hard: 200 } }
    user: "1:2"
    userns_mode: host
    uts: host
    volumes:
      - { type: tmpfs, target: /tt, tmpfs: { size: 1000000, mode: 0700 } }
      - { type: volume, source: v, target: /v, read_only: true, volume: { nocopy: true, subpath: inner } }
      - { type: bind, source: ./d, target: /d, read_only: true, bind: { propagation: rprivate, create_host_path: true } }
    volumes_from: [plain]
    working_dir: /w
    x-other: { y: z }
    x-horme:
      allow:
        [privileged, pid, ipc, uts, userns_mode, cgroup, devices, cap_add]
  plain:
    { image: x, cpus: 0.5, networks: [there], volumes: ["kept:/e:ro"], deploy: { restart_policy: { condition: on-failure, max_attempts: 3 } } }
networks:
  n:
    driver: bridge
    internal: true
    enable_ipv6: false
    attachable: true
    labels: { q: r }
    driver_opts: { a: b }
    ipam: { driver: default, config: [{ subnet: 10.88.0.0/24, gateway: 10.88.0.1 }], options: { o: p } }
  there: { external: true, name: there }
volumes:
  v: { driver: local, labels: { a: b }, driver_opts: { type: tmpfs, device: tmpfs } }
  kept: { external: true, name: there }
x-horme: { environments: { local: {} } }
`.replace(/\[privileged, (.*?)\]/, (_, rest: string) =>
  JSON.stringify(
    `privileged, ${rest}`.split(', ').map((option) => ({ option, reason: 'a test of what is passed on' })),
  ),
);

/** Where Horme adds to what the file says. */
const added = ['labels'];
/** The oldest Compose that is supported does not know them. */
const notHere = ['networks.enable_ipv4'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'horme-passed-on-'));
  await writeFile(join(folder, 'compose.yaml'), text);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Mapping = Record<string, unknown>;

async function configOf(own: { files?: string[]; overlay?: string }): Promise<Record<string, Record<string, Mapping>>> {
  const { document, messages } = await composeConfig({
    ...{ files: [], projectDirectory: folder, projectName: 't-local', profiles: [], envFiles: [] },
    ...{ serviceExtensions: false, env: process.env, signal: AbortSignal.timeout(30_000), ...own },
  });
  if (!document) throw new Error(messages.join('\n'));
  return document as Record<string, Record<string, Mapping>>;
}

test('what is passed on is to Compose what the file says', async () => {
  const original = await configOf({ files: [join(folder, 'compose.yaml')] });
  const signal = AbortSignal.timeout(30_000);
  const stack = await loadStack({ directory: folder, processEnvironment: process.env, parts, signal });
  const images = stack.services.map(({ name }) => ({
    ...{ service: name, reference: 'x', image: undefined, work: undefined, sources: undefined },
  }));
  const settings = { scale: {}, maintenance: false };
  const { content } = await prepare({ stack, parts, images, platformIds: {}, vault, settings, kept: undefined });
  const released = await configOf({ overlay: JSON.stringify(content.compose) });
  const compared = new Set<string>();
  for (const path of ['services.*', 'networks.*', 'volumes.*']) {
    const kind = path.split('.')[0] ?? '';
    const passedOn = Object.entries(composeKeys.find((one) => one.path === path)?.keys ?? {});
    for (const [name, definition] of Object.entries(original[kind] ?? {})) {
      for (const [key, handling] of passedOn) {
        if (handling.kind !== 'passed on' || definition[key] === undefined || definition[key] === null) continue;
        compared.add(`${kind}.${key}`);
        const value = released[kind]?.[name]?.[key];
        if (added.includes(key)) expect(value, `${kind}.${name}.${key}`).toMatchObject(definition[key]);
        else expect(value, `${kind}.${name}.${key}`).toEqual(definition[key]);
      }
    }
  }
  for (const key of ['networks', 'volumes', 'healthcheck', 'stop_grace_period', 'ports'])
    expect(released['services']?.['web']?.[key], key).toEqual(original['services']?.['web']?.[key]);
  expect(released['services']?.['plain']?.['deploy']).toMatchObject(
    original['services']?.['plain']?.['deploy'] as object,
  );
  expect(unused(compared)).toEqual(notHere);
});

/** Keys that are passed on and that the file above lacks: write them into it. */
const unused = (compared: Set<string>) =>
  composeKeys
    .filter(({ path }) => ['services.*', 'networks.*', 'volumes.*'].includes(path))
    .flatMap(({ path, keys }) =>
      Object.entries(keys)
        .filter(([key, { kind }]) => kind === 'passed on' && !compared.has(`${path.split('.')[0]}.${key}`))
        .map(([key]) => `${path.split('.')[0]}.${key}`),
    );
