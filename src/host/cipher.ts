import { createDecipheriv } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Decrypt } from '../core/driver.ts';
import { OdecetError } from '../core/failure.ts';

/**
 * The key of a meter that encrypts, ready for use and not to be read out again. The file holds 32 hex digits, spaces allowed.
 * Throws OdecetError key-unreadable; what the file holds is never told.
 */
export async function loadMeterKey(file: string): Promise<Decrypt> {
  const text = await readKeyFile(file);
  const digits = text.replace(/\s+/g, '');
  if (!/^[0-9a-f]{32}$/i.test(digits)) {
    const detail = `${file}: expected 32 hex digits (AES-128) and nothing else; found ${digits.length} characters`;
    throw new OdecetError('key-unreadable', detail);
  }
  return aes128Decrypt(Buffer.from(digits, 'hex'));
}

/** AES-128 in cipher block chaining, padding left in place. @param key 16 bytes */
export function aes128Decrypt(key: Uint8Array): Decrypt {
  return (iv, data) => {
    const decipher = createDecipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
    return Uint8Array.from(Buffer.concat([decipher.update(data), decipher.final()]));
  };
}

async function readKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError(
      'key-unreadable',
      `${file}: ${why}; give the right path and let this program's user read it`,
      {
        cause,
      },
    );
  }
}
