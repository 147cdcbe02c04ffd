import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import {
  archiveHost,
  databaseAlias,
  directAlias,
  etcdService,
  memberService,
  mostMembers,
  poolerService,
  proxyService,
  replicaAlias,
} from './names.ts';

/**
 * Ten years: these certificates are used between containers alone, are made with the environment, and an expired one would
 * take the database away.
 */
const validDays = 3650;

/** A machine whose clock is a little behind must take them too; seconds. */
const clockSeconds = 3600;

export interface Certificate {
  certificate: string;
  key: string;
}

const names = [
  databaseAlias,
  directAlias,
  replicaAlias,
  etcdService,
  proxyService,
  poolerService,
  archiveHost,
  ...Array.from({ length: mostMembers }, (_, index) => memberService(index + 1)),
  'localhost',
];

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const makeKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

const validity = () => ({
  notBefore: new Date(Date.now() - clockSeconds * 1000),
  notAfter: new Date(Date.now() + validDays * 24 * 3600 * 1000),
  signingAlgorithm: algorithm,
});

/** The database's own authority, and one certificate for all that listen: whoever has one could be any of them anyway. */
export async function makeCertificates(): Promise<{ authority: Certificate; server: Certificate }> {
  const x509 = await import('@peculiar/x509');
  const own = await makeKeys();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: 'CN=horme database authority',
    keys: own,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(own.publicKey),
    ],
  });
  const authority = { certificate: made.toString('pem'), key: await pem(own.privateKey) };
  return { authority, server: await signServer(authority) };
}

export async function signServer({ certificate, key }: Certificate): Promise<Certificate> {
  const x509 = await import('@peculiar/x509');
  const authority = new x509.X509Certificate(certificate);
  const server = await makeKeys();
  const signed = await x509.X509CertificateGenerator.create({
    ...validity(),
    subject: `CN=${databaseAlias}`,
    issuer: authority.subject,
    publicKey: server.publicKey,
    signingKey: await signingKey(key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.map((value) => ({ type: 'dns' as const, value })),
        { type: 'ip', value: '127.0.0.1' },
      ]),
      // Python refuses a chain without the two identifiers.
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(server.publicKey),
    ],
  });
  return { certificate: signed.toString('pem'), key: await pem(server.privateKey) };
}

export const certificateHasNames = ({ certificate }: Certificate): boolean => {
  const parsed = new X509Certificate(certificate);
  return names.every((name) => parsed.checkHost(name) !== undefined);
};

function signingKey(key: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}
