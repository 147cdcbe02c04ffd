import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { CommandContext } from './context.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { readRegular } from '../stack/regular-file.ts';

/** For automation; at a terminal it is asked for. Never an argument, which every process of the machine can see. */
const variable = 'HORME_KIT_PASSPHRASE';

/** From the file named by --passphrase-file, the variable, or the terminal; `twice` where a slip would lock everyone out. */
export async function passphrase(context: CommandContext, twice: boolean): Promise<string> {
  const { passphraseFile } = context.flags;
  if (typeof passphraseFile === 'string') return (await textOf(passphraseFile)).replace(/\r?\n$/, '');
  const given = process.env[variable];
  if (given !== undefined && given !== '') return given;
  if (context.options.json || !process.stdin.isTTY || !process.stderr.isTTY) throw missing();
  const first = await asked('passphrase of the recovery kit: ', context.signal);
  if (twice && first !== (await asked('the same again: ', context.signal))) throw different();
  return first;
}

const textOf = async (file: string): Promise<string> => (await readRegular(file).catch(cannotRead)).toString('utf8');

const cannotRead = (cause: Error): never => {
  throw new OperatorError(`the passphrase can't be read: ${cause.message}`, {
    code: 'kit-passphrase-missing',
    exitCode: exitCodes.usage,
    next: 'another --passphrase-file',
    cause,
  });
};

async function asked(question: string, signal: AbortSignal): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const dialogue = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await dialogue.question('', { signal });
  } finally {
    dialogue.close();
    process.stderr.write('\n');
  }
}

const missing = () =>
  new OperatorError('the passphrase of the recovery kit is not known, and nobody is at a terminal to say it', {
    code: 'kit-passphrase-missing',
    exitCode: exitCodes.usage,
    next: `set ${variable}, or give --passphrase-file FILE`,
  });

const different = () =>
  new OperatorError('the two passphrases differ; no kit was written', {
    code: 'kit-passphrase-differs',
    exitCode: exitCodes.usage,
    next: 'horme recovery-kit',
  });
