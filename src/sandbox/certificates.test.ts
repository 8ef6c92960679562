import { createPrivateKey, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Authority, issue, makeAuthority } from './certificates.ts';

let authority: Authority;

beforeAll(async () => {
  authority = await makeAuthority('Rehearsal authority');
});

describe('certificates made on the spot', () => {
  it('an authority signs itself and may sign others', () => {
    const certificate = new X509Certificate(authority.certificatePem);
    expect(certificate.subject).toBe('CN=Rehearsal authority');
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
  });

  it('an issued certificate is for its key, signed by the authority, under the names asked for', async () => {
    const issued = await issue(authority, {
      commonName: 'operator, "the" first',
      dnsNames: ['localhost', '127.0.0.1'],
      usage: 'server',
    });
    const certificate = new X509Certificate(issued.certificatePem);
    expect(certificate.checkPrivateKey(createPrivateKey(issued.keyPem))).toBe(true);
    expect(certificate.checkIssued(new X509Certificate(authority.certificatePem))).toBe(true);
    expect(certificate.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.ca).toBe(false);
  });

  it('a key under a password opens with it and not without', async () => {
    const { keyPem } = await issue(authority, { commonName: 'site', usage: 'seal', password: 'kočka' });
    expect(() => createPrivateKey({ key: keyPem, passphrase: 'pes' })).toThrow();
    expect(createPrivateKey({ key: keyPem, passphrase: 'kočka' }).asymmetricKeyType).toBe('rsa');
  });

  it('gives every certificate its own serial number', async () => {
    const order = { commonName: 'site', usage: 'client' } as const;
    const [a, b] = await Promise.all([issue(authority, order), issue(authority, order)]);
    expect(new X509Certificate(a.certificatePem).serialNumber).not.toBe(
      new X509Certificate(b.certificatePem).serialNumber,
    );
  });
});
