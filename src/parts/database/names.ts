import type { Stack } from '../../stack/stack.ts';

/** Members are numbered from 1; which of them is the primary changes, their names don't. */
export const memberService = (number: number) => `horme-postgres-${number}`;
export const isMember = (service: string) => /^horme-postgres-\d+$/.test(service);
export const memberNumber = (service: string) => Number(service.slice(service.lastIndexOf('-') + 1));
export const dataVolume = (number: number) => `${memberService(number)}-data`;

/** The largest number of members that the certificate names: five, since `replicas` is at most four. */
export const mostMembers = 5;

/** To whom the members push their WAL, by the name that their entry point knows. */
export const archiveHost = 'horme-backup';

export const etcdService = 'horme-etcd';
export const proxyService = 'horme-database';
export const poolerService = 'horme-pooler';

/** Where the members, etcd and the proxy talk to each other; no service of the user's is on it. */
export const databaseNetwork = 'horme-database';

/** Names on the data network: of whom an application asks. */
export const databaseAlias = 'database';
export const replicaAlias = 'database-replica';
/** The primary without the pooler between, for migrations: they need sessions of their own. */
export const directAlias = 'database-direct';

export const ports = { primary: 5432, replica: 5433, patroni: 8008, etcd: 2379 } as const;

export const dataFolder = '/var/lib/postgresql/data';
export const socketFolder = '/run/postgresql';
export const patroniFile = `${socketFolder}/patroni.json`;

/** Postgres names are at most 63 bytes; a stack's name has letters, digits, `-` and `_` only. */
export const databaseName = (stack: Pick<Stack, 'name'>) => stack.name.replaceAll('-', '_').slice(0, 63);

/** Files of secrets, as a container of the database sees them. */
export const secretFile = (name: string) => `/run/secrets/${name}`;
export const authorityFile = 'database-ca';
export const certificateFile = 'database-cert';
export const keyFile = 'database-key';
