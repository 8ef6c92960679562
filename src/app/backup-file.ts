import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { access, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { diskFault } from '../host/disk-fault.ts';
import { syncPath } from '../host/sync-path.ts';

/**
 * A backup is one file: parts, each a line of JSON with its name and length and then its bytes, the last one with the hash of
 * all before it; compressed with gzip. Where a passphrase is given the whole is encrypted with AES-256-GCM under a key that
 * scrypt makes of it: `ODECET-BACKUP-1` | salt | nonce | cipher text | tag. Otherwise it begins as gzip does.
 */
export interface BackupPart {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const MAGIC = Buffer.from('ODECET-BACKUP-1\n');
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = MAGIC.length + SALT_BYTES + NONCE_BYTES;
/** 64 MB and some tenths of a second for every guess. */
const SCRYPT = { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 };
const END = 'end';
const headSchema = z.strictObject({ name: z.string(), size: z.int().min(0), hash: z.string().optional() });

const derive = promisify<string, Uint8Array, number, typeof SCRYPT, Buffer>(scrypt);

/** Of what is written until all of it is there: a part of a backup never bears a backup's name. */
const UNFINISHED = '.unfinished';

/** Refuses to overwrite. Afterwards the file is on the disk, also after a power cut. */
export async function writeBackupFile(
  file: string,
  parts: AsyncIterable<BackupPart>,
  passphrase: string | undefined,
): Promise<void> {
  await refuseTaken(file);
  const unfinished = `${file}${UNFINISHED}`;
  const out = createWriteStream(unfinished, { flags: 'w', mode: 0o600, flush: true });
  try {
    await once(out, 'open');
  } catch (cause) {
    throw new OdecetError('usage', `${file}: ${messageOf(cause)}; name a new file`, { cause });
  }
  try {
    if (passphrase === undefined) await pipeline(Readable.from(framed(parts)), createGzip(), out);
    else await writeEncrypted(out, parts, passphrase);
    await refuseTaken(file);
    await rename(unfinished, file);
    await syncPath(dirname(file));
  } catch (cause) {
    await rm(unfinished, { force: true });
    throw diskFault(file, cause);
  }
}

async function refuseTaken(file: string): Promise<void> {
  const isTaken = await access(file).then(
    () => true,
    () => false,
  );
  if (isTaken) throw new OdecetError('usage', `${file} exists; name a new file`);
}

async function writeEncrypted(out: WriteStream, parts: AsyncIterable<BackupPart>, passphrase: string): Promise<void> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt, 32, SCRYPT), nonce);
  out.write(Buffer.concat([MAGIC, salt, nonce]));
  await pipeline(Readable.from(framed(parts)), createGzip(), cipher, withTag(cipher), out);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The tag is known when all is encrypted: it comes last. */
function withTag(cipher: { getAuthTag(): Buffer }): Transform {
  return new Transform({
    transform: (chunk, _encoding, done) => done(null, chunk),
    flush: (done) => done(null, cipher.getAuthTag()),
  });
}

async function* framed(parts: AsyncIterable<BackupPart>): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const { name, bytes } of parts) {
    const head = Buffer.from(`${JSON.stringify({ name, size: bytes.length })}\n`);
    hash.update(head).update(bytes);
    yield head;
    yield bytes;
  }
  yield Buffer.from(`${JSON.stringify({ name: END, size: 0, hash: hash.digest('hex') })}\n`);
}

/**
 * The parts of a backup. Nothing of it may be believed before the last one was given: a backup that is cut short, damaged or
 * opened with the wrong passphrase ends with OdecetError store-damaged or password-wrong.
 */
export async function* readBackupFile(file: string, passphrase: string | undefined): AsyncGenerator<BackupPart> {
  const source = await decrypted(file, passphrase);
  const hash = createHash('sha256');
  const reader = new ByteReader(source.pipe(createGunzip()), source);
  try {
    for (;;) {
      const line = await reader.line();
      const { name, size, hash: expected } = headSchema.parse(JSON.parse(line.toString('utf8')));
      if (name === END) {
        if (expected !== hash.digest('hex')) throw new Error('its hash does not fit');
        await reader.end();
        return;
      }
      const bytes = await reader.take(size);
      hash.update(line).update(bytes);
      yield { name, bytes };
    }
  } catch (cause) {
    throw asFailure(file, cause, passphrase !== undefined);
  }
}

function asFailure(file: string, cause: unknown, isEncrypted: boolean): OdecetError {
  if (cause instanceof OdecetError) return cause;
  const why = messageOf(cause);
  if (isEncrypted) return new OdecetError('password-wrong', `${file}: or the file is damaged (${why})`, { cause });
  return new OdecetError('store-damaged', `${file}: ${why}; take another backup`, { cause });
}

async function decrypted(file: string, passphrase: string | undefined): Promise<Readable> {
  const head = await headOf(file);
  const isEncrypted = head.bytes.subarray(0, MAGIC.length).equals(MAGIC);
  if (!isEncrypted) return createReadStream(file);
  if (passphrase === undefined) throw new OdecetError('password-wrong', `${file} is encrypted; give --passphrase-file`);
  const salt = head.bytes.subarray(MAGIC.length, MAGIC.length + SALT_BYTES);
  const nonce = head.bytes.subarray(MAGIC.length + SALT_BYTES, HEAD_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', await derive(passphrase, salt, 32, SCRYPT), nonce);
  decipher.setAuthTag(head.tag);
  const cipherText = createReadStream(file, { start: HEAD_BYTES, end: head.size - TAG_BYTES - 1 });
  cipherText.on('error', (error) => decipher.destroy(error));
  return cipherText.pipe(decipher);
}

async function headOf(file: string): Promise<{ bytes: Buffer; tag: Buffer; size: number }> {
  try {
    const { size } = await stat(file);
    const handle = await open(file, 'r');
    const bytes = Buffer.alloc(HEAD_BYTES);
    const tag = Buffer.alloc(TAG_BYTES);
    try {
      await handle.read(bytes, 0, HEAD_BYTES, 0);
      await handle.read(tag, 0, TAG_BYTES, Math.max(0, size - TAG_BYTES));
    } finally {
      await handle.close();
    }
    return { bytes, tag, size };
  } catch (cause) {
    throw new OdecetError('usage', `${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Lines and counted bytes from a stream; an error of any stream behind it is an error of the read. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable, source: Readable) {
    source.on('error', (error) => stream.destroy(error));
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** With its end. */
  async line(): Promise<Buffer> {
    for (;;) {
      const at = this.#rest.indexOf('\n');
      if (at >= 0) return this.take(at + 1);
      await this.#more();
    }
  }

  async take(count: number): Promise<Buffer> {
    while (this.#rest.length < count) await this.#more();
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }

  /** Reads on to the true end, where the encryption's tag is checked. */
  async end(): Promise<void> {
    const { done } = await this.#chunks.next();
    if (!done || this.#rest.length > 0) throw new Error('something follows its end');
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#chunks.next();
    if (done) throw new Error('it is cut short');
    this.#rest = Buffer.concat([this.#rest, value]);
  }
}
