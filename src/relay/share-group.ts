import type { Codec, Signer } from '../machine/signer.ts';

/**
 * All relays of a centre share what comes up. A broker like Mosquitto lets everybody join a group and gives him his share of it,
 * which it then throws away because he may not read it: a site that joined took half of all messages. So the name of the group
 * is made of the key that only relays have.
 */
export function shareGroupOf({ signer, codec }: { readonly signer: Signer; readonly codec: Codec }): string {
  // Whatever else is signed begins with a brace.
  const secret = codec.sha256(signer.sign(new TextEncoder().encode('odecet share group')));
  return `odecet-relay-${secret.slice(0, 32)}`;
}
