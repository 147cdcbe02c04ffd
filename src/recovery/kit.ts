import { OperatorError, exitCodes } from '../errors.ts';
import { kitContent, kitSchema, type KitContent } from './kit-content.ts';

/**
 * log2 of scrypt's N: age's default, about one second and 256 MiB. A file that demands more was not made by Horme and
 * could exhaust the memory, so it is refused before any computation.
 */
const workFactor = 18;

/** Minimum length in characters, since an attacker with the file can guess for as long as they like. */
const shortestPassphrase = 12;

/** Limit of the armored file in bytes; the limits in `kit-content.ts` keep every kit below it. */
const largestKit = 1024 * 1024;

const anotherCopy =
  'take another copy of the kit; where the environment still runs, make a new one: horme recovery-kit';

/** Armored, so that a mail or a password manager keeps it intact. `age --decrypt` opens it too. */
export async function sealKit(content: KitContent, passphrase: string, logRounds = workFactor): Promise<string> {
  if ([...passphrase].length < shortestPassphrase) throw weak();
  const checked = kitContent.safeParse(content);
  // Fails now and not on the day when the kit is needed. The message has only the paths, since the values are secrets.
  if (!checked.success) throw new Error(`the kit could not be opened again: ${placesOf(checked.error.issues)}`);
  const age = await import('age-encryption');
  const encrypter = new age.Encrypter();
  encrypter.setScryptWorkFactor(logRounds);
  encrypter.setPassphrase(asTyped(passphrase));
  return age.armor.encode(await encrypter.encrypt(`${JSON.stringify(checked.data, undefined, 2)}\n`));
}

/** Opens an untrusted file. */
export async function openKit(text: string, passphrase: string): Promise<KitContent> {
  if (Buffer.byteLength(text) > largestKit) throw damaged('it is larger than 1 MiB');
  return contentOf(await decrypted(text, passphrase));
}

async function decrypted(text: string, passphrase: string): Promise<string> {
  const age = await import('age-encryption');
  const decrypter = new age.Decrypter();
  // Identities are tried in this order: first the check of the work factor, then the passphrase.
  decrypter.addIdentity({ unwrapFileKey: refuseStranger });
  decrypter.addPassphrase(asTyped(passphrase));
  decrypter.addIdentity({ unwrapFileKey: refusePassphrase });
  try {
    return await decrypter.decrypt(age.armor.decode(text), 'text');
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw damaged('it was changed, cut, or never was a kit', error);
  }
}

function refuseStranger(stanzas: { args: string[] }[]): null {
  const [kind, , rounds = ''] = stanzas[0]?.args ?? [];
  if (stanzas.length !== 1 || kind !== 'scrypt') throw damaged('it is not encrypted with a passphrase');
  if (!/^[1-9]\d?$/.test(rounds) || Number(rounds) > workFactor) {
    throw damaged(`opening it would take more than 2^${workFactor} rounds of scrypt, and no kit does`);
  }
  return null;
}

function refusePassphrase(): never {
  throw new OperatorError('the passphrase does not open this kit', {
    code: 'kit-passphrase',
    exitCode: exitCodes.checkFailed,
    next: 'try again; if it is certainly the right one, the first lines of the file are damaged: take another copy',
  });
}

function contentOf(plain: string): KitContent {
  const value = parsed(plain);
  const schema = schemaOf(value);
  if (/^horme\.kit\/\d{1,6}$/.test(schema) && schema !== kitSchema) throw newer(schema);
  const checked = kitContent.safeParse(value);
  if (!checked.success) throw damaged(`its content is not that of a kit: ${placesOf(checked.error.issues)}`);
  return checked.data;
}

function parsed(plain: string): unknown {
  try {
    return JSON.parse(plain);
  } catch {
    // Without `cause`, since its message quotes the content, which may be a secret.
    throw damaged('its content is not JSON');
  }
}

function schemaOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('schema' in value)) return '';
  return typeof value.schema === 'string' ? value.schema : '';
}

/** Contains only our own field names and indices: a strict object reports an unknown key at its parent. */
function placesOf(issues: readonly { path: readonly PropertyKey[] }[]): string {
  const places = issues.map(({ path }) => path.map(String).join('.') || 'the whole');
  return [...new Set(places)].slice(0, 5).join(', ');
}

/** Normalised, since one keyboard sends `é` as one character and another as two. */
const asTyped = (passphrase: string) => passphrase.normalize('NFC');

function weak(): OperatorError {
  return new OperatorError(`the passphrase has fewer than ${shortestPassphrase} characters`, {
    code: 'kit-passphrase-weak',
    exitCode: exitCodes.usage,
    next: 'take five or more random words: whoever finds the file can try as many passphrases as they like',
  });
}

function damaged(reason: string, cause?: unknown): OperatorError {
  return new OperatorError(`this is not a whole recovery kit: ${reason}`, {
    code: 'kit-damaged',
    exitCode: exitCodes.checkFailed,
    next: anotherCopy,
    cause,
  });
}

function newer(schema: string): OperatorError {
  return new OperatorError(`the kit is of the form ${schema}; this Horme knows ${kitSchema}`, {
    code: 'kit-newer',
    exitCode: exitCodes.checkFailed,
    next: 'npx horme@latest',
  });
}
