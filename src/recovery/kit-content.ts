import * as z from 'zod';
import { fingerprint } from '../fingerprint.ts';
import { controlCharacters, engineNamePattern } from '../stack/patterns.ts';

/** A newer Horme that writes another kit raises the number; an older one then says so instead of guessing. */
export const kitSchema = 'horme.kit/1';

/** A file of a customer's own authorities has a few certificates of 2 KiB; a private key has at most 4 KiB. */
const longestCertificates = 64 * 1024;
const longestKey = 16 * 1024;
/** With the lengths above, this keeps every kit that can be sealed below what is read. */
const mostRepositories = 4;

// All of it ends up in configuration files, arguments and paths: a line break would begin a line of its own there.
const line = (longest: number) =>
  z
    .string()
    .max(longest)
    .refine((text) => !controlCharacters.test(text));
const word = z.string().regex(/^(?!-)[!-~]{1,1024}$/);
const secret = line(1024).min(1);
const name = z.string().regex(engineNamePattern);
/** Nothing that climbs out of the folder of backups. */
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
  // Neither an option nor a remote helper of git, which would be a program: `ext::sh -c …`.
  source: z.strictObject({
    remote: line(2048)
      .regex(/^(?!-)(?!\w+::)/)
      .exactOptional(),
  }),
});

export type Repository = z.infer<typeof repository>;

/** What an environment is recovered from, with one of its repositories alone. */
export type KitContent = z.infer<typeof kitContent>;

/** The value for `keys`: another one than the environment has now means that the kit is older than its keys. */
export const keysOf = ({ repositories, secrets }: Pick<KitContent, 'repositories' | 'secrets'>): string =>
  fingerprint({ repositories, secrets });
