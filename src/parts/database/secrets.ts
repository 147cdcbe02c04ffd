import { randomBytes } from 'node:crypto';
import { appRole, formerLoginOf, loginOf } from './logins.ts';
import { certificateHasNames, makeCertificates, signServer, type Certificate } from './authority.ts';

/** 32 bytes: what no one guesses and no one types. Hex, so that it needs no escaping in a URL or a configuration. */
const password = () => randomBytes(32).toString('hex');

export interface DatabaseSecrets {
  /** Grows with each rotation. The application's two logins take turns, so that the former works until all use the new one. */
  generation: number;
  appPassword: string;
  /** Of the login before the last rotation: the pooler takes both while services move from one to the other. */
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

/** A certificate from before a part was there does not have its name. */
export const withCurrentNames = async (secrets: DatabaseSecrets): Promise<DatabaseSecrets> =>
  certificateHasNames(secrets.server) ? secrets : { ...secrets, server: await signServer(secrets.authority) };

/** Those of the application and of its migrations; what the members use among themselves stays. */
export const rotated = (secrets: DatabaseSecrets): DatabaseSecrets => ({
  ...secrets,
  generation: secrets.generation + 1,
  formerAppPassword: secrets.appPassword,
  appPassword: password(),
  ownerPassword: password(),
});

/** For a plan before the first deploy: nothing that it says depends on a value. */
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

/** PgBouncer's list of who may log in; it logs in at Postgres as the same. */
export function poolerUsers({ generation, appPassword, formerAppPassword }: DatabaseSecrets): string {
  const current = `"${loginOf(appRole, generation)}" "${appPassword}"\n`;
  if (formerAppPassword === undefined) return current;
  return `${current}"${formerLoginOf(appRole, generation)}" "${formerAppPassword}"\n`;
}
