import * as z from 'zod';
import {
  contextPattern,
  environmentNamePattern,
  healthPathPattern,
  hostPattern,
  mountPattern,
  parameterPattern,
  profilePattern,
  projectPathPattern,
  routePathPattern,
  statusPattern,
} from './patterns.ts';
import { isSchedule } from '../schedule.ts';
import { durationPattern, parseDuration, parseSize, sizePattern } from './units.ts';

// Validators that zod compiles for speed cost more than the few values of a file take to check.
z.config({ jitless: true });

/**
 * The one schema of `x-horme`. Validation, the JSON Schema for editors and the reference page come from it. An error text is
 * "what is wrong; what to type", and a description is a sentence of the reference page.
 */
const duration = z
  .string({ error: 'not a duration; write a number with its unit, such as 30s or 1m30s' })
  .regex(durationPattern, { error: 'not a duration; write a number with its unit, such as 30s or 1m30s' })
  .transform((text) => parseDuration(text) ?? 0);

const size = z
  .string({ error: 'not a size; write a number with its unit, such as 512m or 2g' })
  .regex(sizePattern, { error: 'not a size; write a number with its unit, such as 512m or 2g' })
  .transform((text) => parseSize(text) ?? 0);

const memory = size.refine((bytes) => bytes >= 64 * 1024 ** 2, { error: 'too little memory; give 64m or more' });

/** 2xx and 3xx, within the time that HAProxy's checks had from the beginning. */
const healthDefaults = { method: 'GET', status: '200-399', timeout: 2 } as const;

const notPort = { error: 'not a port; give a number from 1 to 65535' };
const port = z.int(notPort).min(1, notPort).max(65_535, notPort);

const host = z.string().regex(hostPattern, {
  error: 'not a host name; use lower-case letters, digits, hyphens and dots, such as api.example.com',
});

/** HAProxy's own notation: codes and ranges, separated by commas. */
const notStatus = { error: 'not a status; write a code or a range, such as 204 or "200-399"' };
const status = z
  .union([z.int(notStatus).min(100, notStatus).max(599, notStatus), z.string().regex(statusPattern, notStatus)])
  .transform((value) => String(value).replaceAll(' ', ''));

const healthPath = z.string().regex(healthPathPattern, { error: 'not a path; write it as /health/ready' });

const notTimeout = { error: 'not a time that a check may take; give 100ms to 60s' };

const health = z.union([
  healthPath.transform((path) => ({ path, ...healthDefaults })),
  z.strictObject({
    path: healthPath.describe('Path that is asked, with its query.'),
    method: z.enum(['GET', 'HEAD', 'OPTIONS']).prefault(healthDefaults.method).describe('HTTP method.'),
    status: status
      .prefault(healthDefaults.status)
      .describe('Codes of a good answer: one, a range, or several separated by commas.'),
    timeout: duration
      .refine((seconds) => seconds >= 0.1 && seconds <= 60, notTimeout)
      .prefault(`${healthDefaults.timeout}s`)
      .describe('How long one answer may take, 100ms to 60s.'),
  }),
]);
const kibibyte = 1024;
const within = (least: number, most: number) => (value: number) => value >= least && value <= most;
const routeTimeout = duration.refine(within(1, 3600), { error: 'out of range; give 1s to 1h' });
const routeHeader = size.refine(within(4 * kibibyte, 256 * kibibyte), { error: 'out of range; give 4k to 256k' });
const routeBody = size.refine(within(kibibyte, kibibyte ** 4), { error: 'out of range; give 1k to 1t' });

const route = z
  .strictObject({
    host: host
      .optional()
      .describe(
        'Name that the service answers under. Without a dot it stands before the environment’s domain; one under another environment’s domain moves to this environment’s. Default: the environment’s domain.',
      ),
    path: z
      .string()
      .regex(routePathPattern, {
        error: 'not a path; begin with / and use letters, digits and . _ ~ - between slashes',
      })
      .prefault('/')
      .describe('Path that goes to the service, with all below it. The longest path of a host wins.'),
    port: port.describe('Port that the service listens on, inside its container.'),
    health: z
      .union([health, z.literal(false)])
      .optional()
      .describe(
        'What is asked at this port, where the service’s `health` does not fit it; `false`: the port accepts connections. Default: the service’s `health`.',
      ),
    timeout: routeTimeout
      .optional()
      .describe(
        'How long an answer may keep a request waiting, from 1s to 1h; the edge answers 504 then. Default: 60s. WebSockets and event streams have an hour.',
      ),
    maxHeader: routeHeader
      .optional()
      .describe(
        'Largest header of an answer, all its lines together, and of a request to the host, from 4k to 256k; more is a 502 or a 400. Default: 16k.',
      ),
    maxBody: routeBody
      .optional()
      .describe('Largest request body, from 1k to 1t; more is a 413. Default: `x-horme.edge.maxBody`.'),
  })
  .describe('One address of a service.');

const argv = z
  .array(z.string().min(1).max(4096))
  .min(1)
  .describe('Command and its arguments, as a list: no shell reads it.');

/** Redis' names for them. */
const evictionPolicies = [
  'noeviction',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
] as const;

const reason = z.string().min(8, { error: 'too short a reason; say why the service needs it' }).max(200);

export const allowedOptions = [
  'privileged',
  'pid',
  'ipc',
  'uts',
  'userns_mode',
  'cgroup',
  'devices',
  'security_opt',
  'cap_add',
] as const;

const allow = z.union([
  z.strictObject({
    mount: z
      .string()
      .regex(mountPattern, { error: 'not a path; write it as the service does' })
      .describe('Host path outside the project, or the Docker socket, that this service may mount or read.'),
    reason: reason.describe('Why the service needs it, for whoever reads the file next.'),
  }),
  z.strictObject({
    option: z.enum(allowedOptions).describe('Key of Compose that gives the container power over its host.'),
    reason: reason.describe('Why the service needs it, for whoever reads the file next.'),
  }),
]);

export const serviceSchema = z
  .strictObject({
    route: z
      .union([route, z.array(route)])
      .optional()
      .describe(
        'Where the edge sends requests to this service from: one mapping or a list. Without it the service is a worker.',
      ),
    health: health
      .optional()
      .describe(
        'What a replica is asked, under the host of its route: a path that answers 2xx or 3xx once it is ready, or a mapping. The gate of a deploy and HAProxy ask the same, at every port that has a route. Default: the port accepts connections.',
      ),
    migrate: argv
      .optional()
      .describe('Command that is run once, in the new image, before the rollout; such as ["node", "migrate.js"].'),
    migrations: z
      .string()
      .regex(projectPathPattern, { error: 'not a folder of the project; give a relative path' })
      .optional()
      .describe('Folder with the SQL files of the migrations; `horme check` reads those that are new.'),
    drain: duration
      .optional()
      .describe('How long requests in flight may take to end when a replica drains. Default: `deploy.drain`.'),
    longLived: duration
      .optional()
      .describe(
        'How long WebSockets and event streams may go on before their replica ends. Default: `deploy.longLived`.',
      ),
    ready: duration
      .optional()
      .describe(
        'How long a new replica may take to become healthy. Default: `deploy.ready`, else what the health check allows.',
      ),
    job: z
      .boolean()
      .optional()
      .describe(
        'Whether it runs to its end instead of staying. Default: true where another service waits for it with `service_completed_successfully`.',
      ),
    allow: z.array(allow).optional().describe('What is refused by default and this service needs, each with a reason.'),
  })
  .describe('Per service, under `services.<name>.x-horme`.');

const environment = z.strictObject({
  domain: host.optional().describe('Public name. `local` has `<name>.localhost` by default, others need one.'),
  context: z
    .string()
    .regex(contextPattern, { error: 'not the name of a Docker context; see `docker context ls`' })
    .optional()
    .describe('Docker context to deploy to. Default: the one that the docker command uses.'),
  ports: z
    .strictObject({
      http: port.optional().describe('Default: 80; 8080 for `local`.'),
      https: port.optional().describe('Default: 443; 8443 for `local`.'),
    })
    .optional()
    .describe('Host ports of the edge.'),
  profiles: z
    .array(z.string().regex(profilePattern, { error: 'not the name of a profile; use letters, digits and . _ -' }))
    .optional()
    .describe('Compose profiles that are active in this environment.'),
  tls: z
    .literal('self-signed')
    .optional()
    .describe('Where the certificate comes from. This version has `self-signed` alone.'),
});

const schedule = z
  .string({ error: 'not a schedule; write five fields as cron has them, such as "0 3 * * *"' })
  .refine(isSchedule, { error: 'not a schedule; write five fields of numbers as cron has them, such as "0 3 * * *"' });

const word = (what: string) =>
  z.string().regex(/^(?!-)[!-~]{1,1024}$/, { error: `not ${what}; write it without blanks` });
const secret = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[!-~]+$/, { error: 'not a key; write ${A_VARIABLE}' });
const folder = z
  .string()
  .regex(/^(?!.*(?:^|\/)\.\.(?:\/|$))[\w./@+-]{0,512}$/, { error: 'not a path; use letters, digits and . _ / @ + -' });
const projectFile = z.string().regex(projectPathPattern, { error: 'not a file of the project; give a relative path' });

const backup = z.strictObject({
  schedule: schedule
    .prefault('0 3 * * *')
    .describe('When backups are taken, as cron has it, in UTC. A missed one is caught up.'),
  drill: schedule
    .prefault('30 4 * * *')
    .describe('When the newest backup is restored beside production, checked and thrown away.'),
  keep: duration
    .prefault('30d')
    .refine((seconds) => seconds >= 86_400, { error: 'too short; keep a day or more, such as 30d' })
    .describe(
      'How far back every second can be restored. Up to a week more is kept, since the backup before it is needed.',
    ),
  encrypt: z
    .boolean()
    .prefault(true)
    .describe('Whether the database’s backups are encrypted. Those of files always are.'),
  volumes: z
    .array(z.string().min(1).max(128))
    .prefault([])
    .describe('Named volumes of the Compose file that are backed up too. The cache and the releases always are.'),
  assertions: projectFile
    .optional()
    .describe('SQL file with your own checks of a restored database. Default: `drill.sql`, where there is one.'),
  s3: z
    .strictObject({
      endpoint: word('an endpoint')
        .refine((text) => !text.startsWith('http://'), { error: 'not TLS; give a host, it is asked by https' })
        .transform((text) => text.replace(/^https:\/\//, '').replace(/\/$/, ''))
        .prefault('s3.amazonaws.com')
        .describe('Host, and port if it is not 443. Always TLS.'),
      bucket: word('a bucket').describe('It must exist.'),
      region: word('a region').prefault('us-east-1').describe('As the provider calls it.'),
      prefix: folder.prefault('').describe('Folder in the bucket; below it each environment has one of its own.'),
      keyId: secret.optional().describe('Default: the variable AWS_ACCESS_KEY_ID of whoever deploys.'),
      keySecret: secret.optional().describe('Default: the variable AWS_SECRET_ACCESS_KEY of whoever deploys.'),
      ca: projectFile.optional().describe('Certificates to trust, for a server of your own. Default: those of Debian.'),
    })
    .optional()
    .describe('A bucket off this machine.'),
  sftp: z
    .strictObject({
      host: word('a host').describe('Name or address of the server.'),
      port: port.prefault(22).describe('Its ssh port.'),
      user: word('a user').describe('Who logs in there.'),
      path: folder.describe('Folder on the server, from its root.'),
      key: projectFile.describe('File with the private key. Keep it out of git.'),
      knownHosts: projectFile.describe('File with the server’s public key, as ssh-keyscan prints it.'),
    })
    .optional()
    .describe('A server off this machine, reached by ssh.'),
});

export const stackSchema = z
  .strictObject({
    backup: backup
      .optional()
      .describe(
        'Backups of the database (any second of `keep`), the cache, listed volumes and the releases. Without `s3` or `sftp` they lie on this machine and do not survive it.',
      ),
    database: z
      .strictObject({
        version: z
          .union([z.literal(17), z.literal(18)], { error: 'not a version that Horme has; give 17 or 18' })
          .prefault(17)
          .describe('Major version of PostgreSQL. An existing database changes to a newer one by `horme db upgrade`.'),
        memory: memory
          .prefault('512m')
          .describe('Memory limit of each member; the settings of Postgres follow from it.'),
        replicas: z
          .int()
          .min(0)
          .max(4)
          .prefault(0)
          .describe('Replicas beside the primary, with failover by Patroni. `0`: one Postgres, no failover.'),
        durability: z
          .enum(['async', 'zero-loss'])
          .prefault('async')
          .describe(
            'When a commit is acknowledged. `async`: when the primary has it; a failover may lose the last ones. `zero-loss`: when a replica has it too.',
          ),
        failover: z
          .enum(['normal', 'fast'])
          .prefault('normal')
          .describe(
            'How soon a primary that went silent is replaced: after 30 s, or 20 s with `fast`, which wants a steady disk and network.',
          ),
        pooler: z
          .boolean()
          .prefault(false)
          .describe('PgBouncer in transaction mode before the primary, for applications with many connections.'),
        parameters: z
          .record(
            z.string().regex(parameterPattern, { error: 'not the name of a PostgreSQL parameter' }),
            z.union([
              z.string().regex(/^[^\0\n\r]{0,1000}$/, { error: 'not a value; write it on one line' }),
              z.number(),
              z.boolean(),
            ]),
          )
          .prefault({})
          .describe('Settings of PostgreSQL; they win over those that follow from the memory.'),
        migrations: z
          .strictObject({
            lockTimeout: duration
              .prefault('5s')
              .describe('How long a statement of a migration may wait for a lock; all queries behind it wait too.'),
            statementTimeout: duration.prefault('15m').describe('How long one statement of a migration may take.'),
          })
          .prefault({})
          .describe('Limits of what `migrate` does in the database.'),
      })
      .optional()
      .describe(
        'A PostgreSQL database. Services that mention `${DATABASE_URL}` (the primary) or `${DATABASE_REPLICA_URL}` (a replica for reads) in their environment get its address.',
      ),
    cache: z
      .strictObject({
        memory: memory.prefault('128m').describe('Memory limit of the cache; three quarters of it for data.'),
        persistence: z
          .boolean()
          .prefault(true)
          .describe('Whether data survives a restart: an append-only file, synced every second.'),
        eviction: z
          .enum(evictionPolicies)
          .prefault('noeviction')
          .describe(
            'What happens when the memory is full. `noeviction`: writes fail, which queues and sessions need; `allkeys-lru`: the least used goes, for caches.',
          ),
      })
      .optional()
      .describe('A Redis. Services that mention `${REDIS_URL}` in their environment get its address.'),
    edge: z
      .strictObject({
        maxBody: size.prefault('10m').describe('Largest request body that the edge takes.'),
        maintenancePage: z
          .string()
          .regex(projectPathPattern, { error: 'not a file of the project; give a relative path' })
          .optional()
          .describe(
            'HTML file, inside the project, that `horme maintenance on` answers with. Default: a page of ours.',
          ),
      })
      .prefault({})
      .describe('The edge: nginx with TLS, the one thing that publishes ports.'),
    deploy: z
      .strictObject({
        watch: duration
          .prefault('10s')
          .describe(
            'How long the new replicas are compared with the old ones after the switch; a regression rolls back.',
          ),
        drain: duration.prefault('30s').describe('Default of every service’s `drain`.'),
        longLived: duration.prefault('10s').describe('Default of every service’s `longLived`.'),
        ready: duration.optional().describe('Default of every service’s `ready`.'),
      })
      .prefault({})
      .describe('How a rollout goes, for all services.'),
    environments: z
      .record(
        z.string().regex(environmentNamePattern, {
          error: 'not a name for an environment; use up to 31 lower-case letters, digits and hyphens',
        }),
        environment,
      )
      .prefault({})
      .describe('Where the application is deployed to, by name.'),
  })
  .describe('For the whole application, under `x-horme` at the top of compose.yaml.');

export type StackExtension = z.output<typeof stackSchema>;
export type ServiceExtension = z.output<typeof serviceSchema>;
export type EnvironmentExtension = z.output<typeof environment>;
export type Allowance = z.output<typeof allow>;

/** Keys that a later version has: they get a better answer than "unknown". */
export const futureKeys = ['monitoring'];
