import type { FileEntry } from '../../engine/engine.ts';

/** Browsers refuse server certificates that last longer (Apple's limit since 2020); days. */
const validDays = 397;

/** A self-signed certificate for these hosts. The key is stored only in the edge's volume. */
export async function selfSigned(name: string, hosts: string[]): Promise<FileEntry[]> {
  const { generate } = await import('selfsigned');
  const { cert, private: key } = await generate([{ name: 'commonName', value: hosts[0] ?? 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + validDays * 24 * 3600 * 1000),
    extensions: [{ name: 'subjectAltName', altNames: hosts.map((value) => ({ type: 2 as const, value })) }],
  });
  return [
    { path: `tls/${name}.crt`, content: cert },
    { path: `tls/${name}.key`, content: key, mode: 0o400 },
  ];
}
