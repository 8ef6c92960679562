import { createHash, createPrivateKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import type { SealCrypto } from '../machine/sealer.ts';

const RSA_SHA256 = 'RSA-SHA256';

/** RSA and SHA-256 of Node's OpenSSL. Keys are read once: that takes longer than verifying with them. */
export function hostSealCrypto(): SealCrypto {
  const privateKey = remembered(rsaPrivateKey);
  const publicKey = remembered((certificate) => new X509Certificate(Buffer.from(certificate, 'base64')).publicKey);
  return {
    digest: (text) => createHash('sha256').update(text).digest('base64'),
    sign: (text, keyPem) => sign(RSA_SHA256, Buffer.from(text), privateKey(keyPem)).toString('base64'),
    fits(text, signature, certificate) {
      try {
        const key = publicKey(certificate);
        return isRsa(key) && verify(RSA_SHA256, Buffer.from(text), key, Buffer.from(signature, 'base64'));
      } catch {
        return false;
      }
    },
  };
}

function rsaPrivateKey(pem: string): KeyObject {
  const key = createPrivateKey(pem);
  if (!isRsa(key)) throw new Error(`a key for ${key.asymmetricKeyType}, an RSA key is needed`);
  return key;
}

function isRsa({ asymmetricKeyType }: KeyObject): boolean {
  return asymmetricKeyType === 'rsa';
}

/** One seal key, and the operator's certificates: more than these are never asked for. */
const KEYS_MAX = 16;

function remembered(read: (text: string) => KeyObject): (text: string) => KeyObject {
  const keys = new Map<string, KeyObject>();
  return (text) => {
    const known = keys.get(text);
    if (known) return known;
    const key = read(text);
    if (keys.size >= KEYS_MAX) keys.clear();
    keys.set(text, key);
    return key;
  };
}
