import * as z from 'zod';
import { fingerprint } from '../fingerprint.ts';
import { controlCharacters, engineNamePattern } from '../stack/patterns.ts';

/** Increment when the format changes, so that an older Horme refuses a newer kit instead of guessing. */
export const kitSchema = 'horme.kit/1';

/** A file of custom CA certificates has a few of 2 KiB each; a private key has at most 4 KiB. */
const longestCertificates = 64 * 1024;
const longestKey = 16 * 1024;
/** Together with the lengths above, this keeps every kit below the size that is accepted when reading. */
const mostRepositories = 4;

// All values end up in configuration files, arguments and paths, where a line break would start a new line.
const line = (longest: number) =>
  z
    .string()
    .max(longest)
    .refine((text) => !controlCharacters.test(text));
const word = z.string().regex(/^(?!-)[!-~]{1,1024}$/);
const secret = line(1024).min(1);
const name = z.string().regex(engineNamePattern);
/** A path without `..`, so that it can't leave the backup folder. */
const path = line(1024).refine((text) => !text.split('/').includes('..'));
const printable = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(/^[\t\r\n -~]*$/);

const repository = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local') }),
  z.strictObject({
    kind: z.literal('s3'),
    endpoint: word,
    bucket: word,
    region: word,
    prefix: path,
    keyId: secret,
    keySecret: secret,
    ca: printable(longestCertificates).exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('sftp'),
    host: word,
    port: z.int().min(1).max(65_535),
    user: word,
    path,
    key: printable(longestKey),
    knownHosts: printable(longestKey),
  }),
]);

export const kitContent = z.strictObject({
  schema: z.literal(kitSchema),
  name,
  environment: name,
  project: name,
  madeAt: z.iso.datetime(),
  keys: word,
  repositories: z.array(repository).min(1).max(mostRepositories),
  secrets: z.strictObject({ id: name, cipher: secret, filesPassword: secret }),
  // Neither an option of git nor a remote helper, which could run a program: `ext::sh -c …`.
  source: z.strictObject({
    remote: line(2048)
      .regex(/^(?!-)(?!\w+::)/)
      .exactOptional(),
  }),
});

export type Repository = z.infer<typeof repository>;

/** Everything needed to recover an environment, besides one of its repositories. */
export type KitContent = z.infer<typeof kitContent>;

/** Fingerprint of the keys in a kit. If it differs from the environment's, the kit is older than the keys. */
export const keysOf = ({ repositories, secrets }: Pick<KitContent, 'repositories' | 'secrets'>): string =>
  fingerprint({ repositories, secrets });
