import { hostEntropy } from '../host/entropy.ts';
import { hostSealCrypto } from '../host/seal-crypto.ts';
import { serveSealer } from '../host/sealer.ts';
import { hostCodec } from '../host/signer.ts';
import { plainSealer } from '../uplink/sealer.ts';

/** The whole program of the thread that seals and verifies. */
serveSealer((seal) => plainSealer(seal, { entropy: hostEntropy(), crypto: hostSealCrypto(), codec: hostCodec() }));
