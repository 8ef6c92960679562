import { readFile } from 'node:fs/promises';
import { OdecetError } from '../core/failure.ts';

/** A passphrase in a file, not on the command line, where everybody on the machine could read it. */
export async function readPassphrase(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OdecetError('usage', `${file} cannot be read; it should hold the passphrase`, { cause });
  });
  const passphrase = text.replace(/\r?\n$/, '');
  if (passphrase === '') throw new OdecetError('usage', `${file} is empty; it should hold the passphrase`);
  return passphrase;
}
