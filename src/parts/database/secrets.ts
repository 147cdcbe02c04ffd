import { randomBytes } from 'node:crypto';
import { appRole, formerLoginOf, loginOf } from './logins.ts';
import { certificateHasNames, makeCertificates, signServer, type Certificate } from './authority.ts';

/** 32 bytes can't be guessed. Hex needs no escaping in a URL or a configuration file. */
const password = () => randomBytes(32).toString('hex');

export interface DatabaseSecrets {
  /**
   * Incremented by each rotation. The application's two logins alternate, so that the former works until all services
   * use the new one.
   */
  generation: number;
  appPassword: string;
  /** Password of the previous login: the pooler accepts both while services move to the new one. */
  formerAppPassword?: string;
  ownerPassword: string;
  replicationPassword: string;
  rewindPassword: string;
  monitorPassword: string;
  authority: Certificate;
  server: Certificate;
}

export async function makeDatabaseSecrets(): Promise<DatabaseSecrets> {
  return {
    generation: 1,
    appPassword: password(),
    ownerPassword: password(),
    replicationPassword: password(),
    rewindPassword: password(),
    monitorPassword: password(),
    ...(await makeCertificates()),
  };
}

/** Signs a new certificate if the present one lacks the name of a service that was added later. */
export const withCurrentNames = async (secrets: DatabaseSecrets): Promise<DatabaseSecrets> =>
  certificateHasNames(secrets.server) ? secrets : { ...secrets, server: await signServer(secrets.authority) };

/** New passwords for the application and its migrations; those that the members use among themselves stay. */
export const rotated = (secrets: DatabaseSecrets): DatabaseSecrets => ({
  ...secrets,
  generation: secrets.generation + 1,
  formerAppPassword: secrets.appPassword,
  appPassword: password(),
  ownerPassword: password(),
});

/** Placeholder for a plan before the first deploy; the plan's text does not depend on secret values. */
export const unmadeSecrets: DatabaseSecrets = {
  generation: 1,
  appPassword: '',
  ownerPassword: '',
  replicationPassword: '',
  rewindPassword: '',
  monitorPassword: '',
  authority: { certificate: '', key: '' },
  server: { certificate: '', key: '' },
};

/** PgBouncer's user list; PgBouncer logs in to Postgres with the same users. */
export function poolerUsers({ generation, appPassword, formerAppPassword }: DatabaseSecrets): string {
  const current = `"${loginOf(appRole, generation)}" "${appPassword}"\n`;
  if (formerAppPassword === undefined) return current;
  return `${current}"${formerLoginOf(appRole, generation)}" "${formerAppPassword}"\n`;
}
