import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { OdecetError } from '../core/failure.ts';
import type { Codec, Signer } from '../machine/signer.ts';

/** A market document shrinks to a tenth at any level; the fastest is enough. */
const GZIP_LEVEL = 3;

/** For what is unpacked: a little more than the library's least, and a market document at once. */
const [ROOM_MIN, ROOM_MAX] = [256, 128 * 1024];

/** @param keyPem PKCS #8. Throws OdecetError key-unreadable when it is not an Ed25519 private key. */
export function hostSigner(keyPem: string, name = 'the key'): Signer {
  const key = readKey(keyPem, name);
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  if (key.asymmetricKeyType !== 'ed25519' || x === undefined)
    throw new OdecetError('key-unreadable', `${name} is a key for ${key.asymmetricKeyType}; an Ed25519 key is needed`);
  return { publicKey: x, sign: (bytes) => plain(sign(null, bytes, key)) };
}

function readKey(keyPem: string, name: string) {
  try {
    return createPrivateKey(keyPem);
  } catch (cause) {
    throw new OdecetError('key-unreadable', `${name} holds no PEM private key; make one with odecet enroll`, { cause });
  }
}

/** Throws OdecetError key-unreadable. */
export async function loadSigner(file: string): Promise<Signer> {
  const pem = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OdecetError('key-unreadable', `${file}: ${String(cause)}; give the right path and let us read it`, {
      cause,
    });
  });
  return hostSigner(pem, file);
}

export function newKeyPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Some kilobytes each; a centre's ten thousand sites would take as much as all its messages. */
const KEYS_MAX = 1_000;

export function hostCodec(): Codec {
  // Making a key out of its text costs as much as verifying with it.
  const keys = new Map<string, ReturnType<typeof createPublicKey>>();
  const keyOf = (publicKey: string) => {
    const known = keys.get(publicKey);
    if (known) return known;
    const made = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
    keys.set(publicKey, made);
    const [oldest] = keys.keys();
    if (keys.size > KEYS_MAX && oldest !== undefined) keys.delete(oldest);
    return made;
  };
  return {
    verify(publicKey, bytes, signature) {
      try {
        return verify(null, bytes, keyOf(publicKey), signature);
      } catch {
        return false;
      }
    },
    sha256: (bytes) => createHash('sha256').update(bytes).digest('hex'),
    gzip: (bytes) => plain(gzipSync(bytes, { level: GZIP_LEVEL })),
    gunzip(bytes, bytesMax) {
      try {
        return plain(gunzipSync(bytes, { maxOutputLength: bytesMax, chunkSize: saidLength(bytes, bytesMax) }));
      } catch {
        return undefined;
      }
    },
  };
}

/**
 * How much to make room for at once. The last four bytes of gzip say the length unpacked (RFC 1952, 2.3.1), in which nothing is
 * believed: more than there is room for is unpacked in pieces. One byte more, or the library would look for more.
 */
function saidLength(gzip: Uint8Array, bytesMax: number): number {
  if (gzip.length < 4) return ROOM_MIN;
  const said = new DataView(gzip.buffer, gzip.byteOffset + gzip.length - 4, 4).getUint32(0, true);
  return Math.max(ROOM_MIN, Math.min(said, bytesMax, ROOM_MAX) + 1);
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
