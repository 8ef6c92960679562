import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { issue, makeAuthority } from '../../src/sandbox/certificates.ts';

/** One authority for everybody, made on the spot; each side has a key for TLS and another for its seal. */
export async function makeKeys(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const authority = await makeAuthority('Odecet demo authority');
  await writeFile(join(folder, 'authority.crt'), authority.certificatePem);
  await Promise.all(
    ORDERS.map(async ({ name, ...order }) => {
      const { certificatePem, keyPem } = await issue(authority, order);
      await writeFile(join(folder, `${name}.crt`), certificatePem);
      await writeFile(join(folder, `${name}.key`), keyPem, { mode: 0o600 });
    }),
  );
}

const ORDERS = [
  { name: 'operator-tls', commonName: 'Operator stand-in', dnsNames: ['127.0.0.1', 'localhost'], usage: 'server' },
  { name: 'operator-seal', commonName: 'Operator stand-in auth', usage: 'seal' },
  { name: 'gateway-tls', commonName: 'Demo park gateway', usage: 'client' },
  { name: 'gateway-seal', commonName: 'Demo park seal', usage: 'seal' },
] as const;
