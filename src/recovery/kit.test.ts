import { Encrypter, armor, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, test } from 'vitest';
import { keysOf, type KitContent } from './kit-content.ts';
import { openKit, sealKit } from './kit.ts';

const passphrase = 'correct horse battery';
/** A thousand rounds instead of a quarter of a million, since the tests open many kits. */
const fast = 10;

const content: KitContent = {
  schema: 'horme.kit/1',
  name: 'shop',
  environment: 'production',
  project: 'shop-production',
  madeAt: '2026-11-24T15:03:12.000Z',
  keys: '0123456789ab',
  repositories: [
    { kind: 'local' },
    {
      kind: 's3',
      endpoint: 's3.example.com:9000',
      bucket: 'backups',
      region: 'eu-1',
      prefix: 'shop/backups',
      keyId: 'AKIA',
      keySecret: 'sécret/+=',
      ca: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
    },
    {
      kind: 'sftp',
      host: 'h',
      port: 22,
      user: 'u',
      path: '/srv/backups',
      key: 'KEY\n',
      knownHosts: 'h ssh-ed25519 A\n',
    },
  ],
  secrets: { id: 'k3x9', cipher: 'c1', filesPassword: 'f1' },
  source: { remote: 'git@example.com:shop.git' },
};

const seal = (value: KitContent = content) => sealKit(value, passphrase, fast);

/** A kit with any content, as an attacker who knows the passphrase could make it. */
async function sealed(plain: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(fast);
  encrypter.setPassphrase(passphrase);
  return armor.encode(await encrypter.encrypt(plain));
}

const sealedValue = (change: (value: Record<string, unknown>) => unknown) =>
  sealed(JSON.stringify(change(JSON.parse(JSON.stringify(content)) as Record<string, unknown>)));

const isRefused = (text: string, code: string) =>
  expect(openKit(text, passphrase)).rejects.toMatchObject({ code, exitCode: 3, next: expect.any(String) as string });

describe('a kit', () => {
  test('opens with its passphrase, as age’s armor, and has the strength of age’s default', async () => {
    const text = await sealKit(content, passphrase);
    expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n[^]+\n-----END AGE ENCRYPTED FILE-----\n$/);
    expect(Buffer.from(armor.decode(text)).toString('latin1')).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 18\n/);
    expect(text).not.toContain('AKIA');
    expect(await openKit(text, passphrase)).toEqual(content);
    // Seconds on a machine that has other things to do.
  }, 60_000);

  test('opens after a mail program had it', async () => {
    const text = (await seal()).replaceAll('\n', '\r\n');
    expect(await openKit(`\r\n ${text}\r\n\r\n`, passphrase)).toEqual(content);
  });

  test('opens however the keyboard composes a letter', async () => {
    const text = await sealKit(content, 'caf\u00e9 caf\u00e9 caf\u00e9', fast);
    expect(await openKit(text, 'cafe\u0301 cafe\u0301 cafe\u0301')).toEqual(content);
  });

  test('may lack what is optional', async () => {
    const bare: KitContent = { ...content, repositories: [{ kind: 'local' }], source: {} };
    expect(await openKit(await seal(bare), passphrase)).toEqual(bare);
  });

  test('tells by its keys that it is older than they are', () => {
    expect(keysOf(content)).toBe(keysOf(structuredClone(content)));
    expect(keysOf({ ...content, secrets: { ...content.secrets, cipher: 'c2' } })).not.toBe(keysOf(content));
  });

  test('of the greatest content is still read', async () => {
    const ca = '"'.repeat(64 * 1024);
    const [, s3] = content.repositories;
    if (s3?.kind !== 's3') throw new Error('not the S3 repository');
    const greatest = { ...content, repositories: Array.from({ length: 4 }, () => ({ ...s3, ca })) };
    expect(await openKit(await seal(greatest), passphrase)).toEqual(greatest);
  });
});

describe('sealing refuses', () => {
  test('a passphrase of fewer than 12 characters, counted as a person counts', async () => {
    const weak = { code: 'kit-passphrase-weak', exitCode: 2 };
    await expect(sealKit(content, 'elevenchars', fast)).rejects.toMatchObject(weak);
    await expect(sealKit(content, '🐎'.repeat(11), fast)).rejects.toMatchObject(weak);
    await expect(sealKit(content, 'twelve chars', fast)).resolves.toContain('AGE');
  });

  test('what could not be opened again, without telling a secret', async () => {
    const broken = { ...content, secrets: { ...content.secrets, cipher: 'one\nline too many' } };
    const error = await seal(broken).catch((error: unknown) => error);
    expect(String(error)).toBe('Error: the kit could not be opened again: secrets.cipher');
  });
});

describe('opening refuses', () => {
  test('another passphrase', async () => {
    const text = await seal();
    const refused = { code: 'kit-passphrase', exitCode: 3, next: expect.any(String) as string };
    await expect(openKit(text, `${passphrase} `)).rejects.toMatchObject(refused);
    await expect(openKit(text, '')).rejects.toMatchObject(refused);
  });

  test('a flip of any byte of the encrypted file', async () => {
    const bytes = armor.decode(await seal());
    for (let at = 0; at < bytes.length; at += at < 220 ? 1 : 37) {
      const changed = bytes.slice();
      changed[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      const error = await openKit(armor.encode(changed), passphrase).catch((error: unknown) => error);
      expect(error, `byte ${at}`).toMatchObject({
        code: expect.stringMatching(/^kit-(damaged|passphrase)$/) as string,
      });
    }
  }, 30_000);

  test('a flip of any byte of the text', async () => {
    const bytes = Buffer.from(await seal(), 'latin1');
    for (let at = 0; at < bytes.length - 1; at += at < 100 ? 3 : 41) {
      const changed = Buffer.from(bytes);
      changed[at] = (bytes[at] ?? 0) ^ (1 << (at % 7));
      await expect(openKit(changed.toString('latin1'), passphrase), `byte ${at}`).rejects.toThrow();
    }
  }, 30_000);

  test('what was cut, or never was a kit', async () => {
    const text = await seal();
    const bytes = armor.decode(text);
    for (const part of [0.1, 0.5, 0.9, 0.999]) {
      await isRefused(text.slice(0, text.length * part), 'kit-damaged');
      await isRefused(armor.encode(bytes.slice(0, bytes.length * part)), 'kit-damaged');
    }
    for (const other of ['', 'hello', JSON.stringify(content), `${text}${text}`]) await isRefused(other, 'kit-damaged');
  });

  test('more than 1 MiB, before it is parsed', async () => {
    const text = await seal();
    await isRefused(text + ' '.repeat(1024 * 1024), 'kit-damaged');
    await expect(openKit(text + '\n'.repeat(1000), passphrase)).resolves.toEqual(content);
  });

  test.each(['19', '20', '40', '1000', '018', '0', '-1', '1e1'])('scrypt with 2^%s rounds, at once', async (rounds) => {
    const header = Buffer.from(armor.decode(await seal())).toString('latin1');
    const stronger = header.replace(/^(-> scrypt \S+) \d+$/m, `$1 ${rounds}`);
    const began = performance.now();
    await isRefused(armor.encode(Buffer.from(stronger, 'latin1')), 'kit-damaged');
    expect(performance.now() - began).toBeLessThan(1500);
  });

  test('a file that is encrypted for a key', async () => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(await generateX25519Identity()));
    await isRefused(armor.encode(await encrypter.encrypt(JSON.stringify(content))), 'kit-damaged');
  });

  test('a kit of another form, which a newer Horme may read', async () => {
    await isRefused(await sealedValue((value) => ({ ...value, schema: 'horme.kit/2', more: 1 })), 'kit-newer');
    await isRefused(await sealedValue((value) => ({ ...value, schema: 'horme.kit/2\u001b[2J' })), 'kit-damaged');
  });

  test('unknown fields, at any depth', async () => {
    await isRefused(await sealedValue((value) => ({ ...value, more: 1 })), 'kit-damaged');
    await isRefused(await sealedValue((value) => ({ ...value, source: { more: 1 } })), 'kit-damaged');
    await isRefused(
      await sealedValue((value) => ({ ...value, repositories: [{ kind: 'local', path: '/' }] })),
      'kit-damaged',
    );
    const plain = JSON.stringify(content).replace('"source":{', '"source":{"__proto__":{"remote":"x"},');
    await isRefused(await sealed(plain), 'kit-damaged');
    expect(Object.hasOwn(Object.prototype, 'remote')).toBe(false);
  });

  test('hostile JSON, without quoting it', async () => {
    for (const plain of [
      '',
      'null',
      '[]',
      '"x"',
      '{"schema":["horme.kit/2"]}',
      '['.repeat(100_000),
      '{"a":'.repeat(50_000),
    ]) {
      await isRefused(await sealed(plain), 'kit-damaged');
    }
    const error = await openKit(await sealed('{"cipher": hunter2}'), passphrase).catch((error: unknown) => error);
    expect(error).toMatchObject({ cause: undefined });
    expect(String(error)).not.toContain('hunter2');
  });

  test('values that would be more than a value where they end up', async () => {
    const secrets = (change: object) => ({ ...content.secrets, ...change });
    const [, s3, sftp] = content.repositories;
    const changes: Record<string, unknown>[] = [
      { secrets: secrets({ id: '../other' }) },
      { secrets: secrets({ cipher: 'x\nrepo1-host=evil' }) },
      { secrets: secrets({ cipher: 'x'.repeat(1025) }) },
      { project: '--project' },
      { madeAt: 'yesterday' },
      { source: { remote: 'ext::sh -c id' } },
      { source: { remote: '--upload-pack=id' } },
      { repositories: [] },
      { repositories: Array.from({ length: 5 }, () => ({ kind: 'local' })) },
      { repositories: [{ ...s3, prefix: 'a/../../b' }] },
      { repositories: [{ ...sftp, path: '/srv/backups/../../etc' }] },
      { repositories: [{ ...s3, endpoint: 'a b' }] },
      { repositories: [{ kind: 'ftp' }] },
    ];
    for (const change of changes) {
      await isRefused(await sealedValue((value) => ({ ...value, ...change })), 'kit-damaged');
    }
  });
});
