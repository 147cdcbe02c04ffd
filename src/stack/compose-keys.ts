/**
 * How Horme handles a key of the Compose Specification. Keys below it are handled the same way unless a section lists
 * them.
 */
export type Handling =
  /** To Compose, as it is written. */
  | { kind: 'passed on'; text: string }
  /** By Horme; the text says how. */
  | { kind: 'honoured'; text: string }
  /** Ignored by Horme and by `docker compose up`; a warning says what happens instead. */
  | { kind: 'told'; text: string; when?: (value: unknown) => boolean }
  /** An error, with its fix. */
  | { kind: 'refused'; text: string; when?: (value: unknown) => boolean };

export interface KeySection {
  title: string;
  /** In the document; `*` is any name, `[]` any item of a list. */
  path: string;
  keys: Record<string, Handling>;
}

const passed = (text = ''): Handling => ({ kind: 'passed on', text });
const honoured = (text: string): Handling => ({ kind: 'honoured', text });
const told = (text: string, when?: (value: unknown) => boolean): Handling => ({
  ...{ kind: 'told' as const, text },
  ...(when && { when }),
});
const refused = (text: string, when?: (value: unknown) => boolean): Handling => ({
  ...{ kind: 'refused' as const, text },
  ...(when && { when }),
});

const byCompose = honoured('`docker compose config` resolves it before Horme reads the file');
const power = passed('only with `x-horme.allow`');
const oneAddress = honoured('the engine gives it to one container: stop-first');
const external = refused('give it a `file:` or an `environment:`; only Swarm has external ones');
const noDriver = refused('take it out: only Swarm has drivers for it');
/** Sources for the content of a secret or a config. */
const fileSource = {
  environment: honoured('of the shell or an environment file'),
  external,
  file: honoured('read when a deploy begins'),
  labels: passed('mean nothing for a file'),
  name: passed('means nothing for a file'),
  template_driver: noDriver,
};
const hook = {
  command: honoured('run in the container'),
  user: honoured('of the command'),
  privileged: honoured('only with `x-horme.allow: [{ option: privileged }]`'),
  working_dir: honoured('of the command'),
  environment: honoured('of the command'),
};
const grant = {
  source: honoured('bytes as they are; part of the release'),
  target: honoured('any path'),
  uid: honoured('else the service’s user'),
  gid: honoured('else the group of the service’s user'),
  mode: honoured('else 0444'),
};

const top: KeySection = {
  title: 'The file',
  path: '',
  keys: {
    version: passed('Compose ignores it'),
    name: honoured('the application; the project is `<name>-<environment>`'),
    include: byCompose,
    services: honoured('below'),
    models: refused('give the model’s address in `environment:`'),
    networks: passed(),
    volumes: passed(),
    secrets: honoured('below'),
    configs: honoured('below'),
  },
};

const include: KeySection = {
  title: 'include',
  path: 'include.[]',
  keys: { path: byCompose, env_file: byCompose, project_directory: byCompose },
};

const service: KeySection = {
  title: 'services.*',
  path: 'services.*',
  keys: {
    annotations: passed(),
    attach: passed(),
    blkio_config: passed(),
    build: honoured('built when its sources changed, under a tag of its own'),
    cap_add: passed('what leads to root on the host only with `x-horme.allow`'),
    cap_drop: passed(),
    cgroup: power,
    cgroup_parent: power,
    command: passed(),
    configs: honoured('below'),
    container_name: honoured('stop-first'),
    cpu_count: passed(),
    cpu_percent: passed(),
    cpu_period: passed(),
    cpu_quota: passed(),
    cpu_rt_period: passed(),
    cpu_rt_runtime: passed(),
    cpu_shares: passed(),
    cpus: passed(),
    cpuset: passed(),
    credential_spec: passed(),
    depends_on: honoured('below'),
    deploy: honoured('below'),
    develop: honoured('left out: it is for `docker compose watch`'),
    device_cgroup_rules: power,
    devices: power,
    dns: passed(),
    dns_opt: passed(),
    dns_search: passed(),
    domainname: passed(),
    entrypoint: passed(),
    env_file: honoured('its variables are in `environment`'),
    environment: honoured('`${DATABASE_URL}` and the like arrive by a file'),
    expose: honoured('for the implied route'),
    extends: byCompose,
    external_links: passed(),
    extra_hosts: passed(),
    gpus: passed(),
    group_add: passed(),
    healthcheck: honoured('below'),
    hostname: passed(),
    image: honoured('pinned by its id; that of a service with `build` is the one it builds'),
    init: passed(),
    ipc: power,
    isolation: passed(),
    label_file: honoured('its labels are in `labels`'),
    labels: passed('but those of Horme and Compose'),
    links: passed(),
    logging: passed('else three files of 10 MB'),
    mac_address: oneAddress,
    mem_limit: passed(),
    mem_reservation: passed(),
    mem_swappiness: passed(),
    memswap_limit: passed(),
    models: refused('give the model’s address in `environment:`'),
    network_mode: honoured('`host` and `service:` are stop-first; a routed service has none'),
    networks: honoured('with those of the edge and the database'),
    oom_kill_disable: passed(),
    oom_score_adj: passed(),
    pid: power,
    pids_limit: passed('else 512'),
    platform: passed(),
    ports: honoured('below'),
    post_start: honoured('below'),
    pre_start: refused(
      'use a job that the service depends on (`service_completed_successfully`), or `x-horme.migrate`',
    ),
    pre_stop: honoured('below'),
    privileged: power,
    profiles: byCompose,
    provider: refused('take it out: it runs a program on this machine'),
    pull_policy: honoured('`always` and intervals ask the registry on each deploy'),
    pull_refresh_after: told('`pull_policy: every_<duration>` says how often the registry is asked'),
    read_only: passed(),
    restart: passed('else `unless-stopped`, `no` for a job'),
    runtime: passed(),
    scale: honoured('replicas'),
    secrets: honoured('below'),
    security_opt: passed('with `no-new-privileges`; others only with `x-horme.allow`'),
    shm_size: passed(),
    stdin_open: passed(),
    stop_grace_period: honoured('from the stop signal to SIGKILL'),
    stop_signal: passed(),
    storage_opt: passed(),
    sysctls: passed(),
    tmpfs: passed(),
    tty: passed(),
    ulimits: passed(),
    use_api_socket: refused('take it out: it gives the Docker socket to the container'),
    user: passed(),
    userns_mode: power,
    uts: power,
    volumes: honoured('below'),
    volumes_from: passed('but `container:…`, which is refused'),
    working_dir: passed(),
  },
};

const build: KeySection = {
  title: 'services.*.build',
  path: 'services.*.build',
  keys: {
    additional_contexts: honoured('`service:` is the image of that service, built first'),
    args: passed(),
    cache_from: passed(),
    cache_to: passed(),
    context: honoured('a change of its files is another image'),
    dockerfile: honoured('a change of it is another image'),
    dockerfile_inline: honoured('a change of it is another image'),
    entitlements: power,
    extra_hosts: passed(),
    isolation: passed(),
    labels: passed('with those of Horme'),
    network: passed(),
    no_cache: passed('when there is something to build'),
    no_cache_filter: passed('when there is something to build'),
    platforms: passed(),
    privileged: power,
    provenance: passed(),
    pull: passed('when there is something to build'),
    sbom: passed(),
    secrets: passed(),
    shm_size: passed(),
    ssh: passed(),
    tags: passed('beside Horme’s own'),
    target: passed(),
    ulimits: passed(),
  },
};

const deploy: KeySection[] = [
  {
    title: 'services.*.deploy',
    path: 'services.*.deploy',
    keys: {
      endpoint_mode: told('HAProxy balances a routed service, DNS all others'),
      labels: told('no container gets them: write them below `labels` of the service'),
      mode: refused('`x-horme: { job: true }` is what runs once', (value) => /-job$/.test(String(value))),
      placement: told('there is one machine'),
      replicas: honoured('`horme scale` overrides it'),
      resources: honoured('below'),
      restart_policy: honoured('below'),
      rollback_config: told('going back is done as a deploy is'),
      update_config: honoured('below'),
    },
  },
  {
    title: 'services.*.deploy.update_config',
    path: 'services.*.deploy.update_config',
    keys: {
      delay: told('the next step begins when the replicas are ready'),
      failure_action: told('a release that fails goes back', (value) => value !== 'rollback'),
      max_failure_ratio: told('one replica that fails ends the rollout'),
      monitor: told('`x-horme.deploy.watch` is how long new replicas are watched'),
      order: honoured('`stop-first`; `start-first` where nothing forbids it'),
      parallelism: told(
        'new replicas start all at once, or as many as the reservations leave room for',
        (value) => value !== 0,
      ),
    },
  },
  {
    title: 'services.*.deploy.resources.limits',
    path: 'services.*.deploy.resources.limits',
    keys: { cpus: passed(), memory: passed(), pids: passed('else 512') },
  },
  {
    title: 'services.*.deploy.resources.reservations',
    path: 'services.*.deploy.resources.reservations',
    keys: {
      cpus: honoured('a rollout that does not fit beside what runs goes in batches'),
      devices: passed(),
      generic_resources: told('only Swarm has them: `devices` is what the engine gives'),
      memory: honoured('as cpus'),
    },
  },
  {
    title: 'services.*.deploy.restart_policy',
    path: 'services.*.deploy.restart_policy',
    keys: {
      condition: passed(),
      delay: told('the engine waits longer after each failure, from 100 ms on'),
      max_attempts: passed(),
      window: told('a container that ran for 10 s counts as started'),
    },
  },
];

const parts: KeySection[] = [
  {
    title: 'services.*.depends_on.*',
    path: 'services.*.depends_on.*',
    keys: {
      condition: honoured('Horme waits until what is depended on is ready, whatever it says'),
      required: honoured('a service that is not active is not waited for'),
      restart: told('a service is not restarted because one that it depends on was', (value) => value === true),
    },
  },
  {
    title: 'services.*.healthcheck',
    path: 'services.*.healthcheck',
    keys: {
      disable: passed(),
      interval: passed(),
      retries: honoured('for how long a new replica may take'),
      start_interval: passed(),
      start_period: honoured('for how long a new replica may take'),
      test: honoured('the gate of a new replica runs it'),
      timeout: passed(),
    },
  },
  {
    title: 'services.*.networks.*',
    path: 'services.*.networks.*',
    keys: {
      aliases: passed(),
      driver_opts: passed(),
      gw_priority: passed(),
      interface_name: passed(),
      ipv4_address: oneAddress,
      ipv6_address: oneAddress,
      link_local_ips: passed(),
      mac_address: oneAddress,
      priority: passed(),
    },
  },
  {
    title: 'services.*.ports[]',
    path: 'services.*.ports.[]',
    keys: {
      app_protocol: passed(),
      host_ip: passed(),
      mode: passed(),
      name: passed(),
      protocol: honoured('a route takes TCP alone'),
      published: honoured('stop-first; that of a routed port is left out, because the edge publishes it'),
      target: honoured('for the implied route'),
    },
  },
  {
    title: 'services.*.volumes[]',
    path: 'services.*.volumes.[]',
    keys: {
      bind: passed(),
      consistency: passed(),
      image: passed(),
      read_only: honoured('what is only read may be mounted twice'),
      source: honoured('a mount that is written to is stop-first; what leaves the project only with `x-horme.allow`'),
      target: passed(),
      tmpfs: passed(),
      type: honoured('`bind`, `volume`, `tmpfs`, `image`'),
      volume: passed(),
    },
  },
  { title: 'services.*.secrets[]', path: 'services.*.secrets.[]', keys: grant },
  { title: 'services.*.configs[]', path: 'services.*.configs.[]', keys: grant },
  { title: 'services.*.post_start[]', path: 'services.*.post_start.[]', keys: hook },
  { title: 'services.*.pre_stop[]', path: 'services.*.pre_stop.[]', keys: hook },
];

const resources: KeySection[] = [
  {
    title: 'networks.*',
    path: 'networks.*',
    keys: {
      attachable: passed(),
      driver: passed(),
      driver_opts: passed(),
      enable_ipv4: passed(),
      enable_ipv6: passed(),
      external: passed(),
      internal: passed(),
      ipam: passed(),
      labels: passed(),
      name: passed(),
    },
  },
  {
    title: 'volumes.*',
    path: 'volumes.*',
    keys: {
      driver: passed(),
      driver_opts: passed('a bind mount in disguise only with `x-horme.allow`'),
      external: passed(),
      labels: passed(),
      name: passed(),
    },
  },
  {
    title: 'secrets.*',
    path: 'secrets.*',
    keys: {
      driver: noDriver,
      driver_opts: noDriver,
      ...fileSource,
    },
  },
  {
    title: 'configs.*',
    path: 'configs.*',
    keys: {
      content: honoured('part of the release'),
      ...fileSource,
    },
  },
];

/** All keys of the Compose Specification. A test compares them with its JSON Schema in test/compose-spec. */
export const composeKeys: KeySection[] = [top, include, service, build, ...deploy, ...parts, ...resources];
