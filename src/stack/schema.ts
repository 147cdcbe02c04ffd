import * as z from 'zod';
import {
  contextPattern,
  environmentNamePattern,
  healthPathPattern,
  mountPattern,
  profilePattern,
  projectPathPattern,
  routePathPattern,
  statusPattern,
} from './patterns.ts';
import type { KeyReaders } from './part-key.ts';
import { duration, host, port, size } from './values.ts';

/**
 * The schema of `x-horme`, to which each part adds its own key. Validation, the JSON Schema for editors and the reference page
 * come from it. An error text is "what is wrong; what to type", and a description is a sentence of the reference page.
 */

/** 2xx and 3xx. The timeout is that of HAProxy's checks, seconds. */
const healthDefaults = { method: 'GET', status: '200-399', timeout: 2 } as const;

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

const ownKeys = {
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
};

/** `readers`: of the parts' keys. */
export const stackSchema = (readers: KeyReaders) =>
  z
    .strictObject({ ...schemasOf(readers), ...ownKeys })
    .describe('For the whole application, under `x-horme` at the top of compose.yaml.');

const schemasOf = (readers: KeyReaders): Record<string, z.ZodType> =>
  Object.fromEntries(Object.entries(readers).map(([name, { schema }]) => [name, schema]));

interface OwnExtension {
  deploy: z.output<typeof ownKeys.deploy>;
  environments: z.output<typeof ownKeys.environments>;
}
/** Each part's value is under the part's name. */
export type StackExtension = OwnExtension & Record<string, unknown>;
export type ServiceExtension = z.output<typeof serviceSchema>;
export type EnvironmentExtension = z.output<typeof environment>;
export type Allowance = z.output<typeof allow>;

/** Keys of later versions, which get a better error than "unknown". */
export const futureKeys = ['monitoring'];
