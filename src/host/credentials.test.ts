import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseUtc } from '../core/time.ts';
import { type Authority, type IssuedCertificate, issue, makeAuthority } from '../sandbox/certificates.ts';
import { loadCertificates, loadCredential } from './credentials.ts';

const NOW = parseUtc('2026-06-01T00:00:00Z');
const folder = mkdtempSync(join(tmpdir(), 'odecet-credentials-'));
afterAll(() => rmSync(folder, { recursive: true }));

let authority: Authority;
let site: IssuedCertificate;
let locked: IssuedCertificate;
let files = 0;

function file(content: string): string {
  const path = join(folder, String(files++));
  writeFileSync(path, content);
  return path;
}

beforeAll(async () => {
  authority = await makeAuthority('Test authority');
  const dates = { validFrom: new Date('2026-01-01T00:00:00Z'), validTo: new Date('2027-01-01T00:00:00Z') };
  site = await issue(authority, { commonName: 'site', usage: 'client', ...dates });
  locked = await issue(authority, { commonName: 'seal', usage: 'seal', password: 'tajné heslo', ...dates });
});

describe('a certificate and its key', () => {
  it('are loaded, with subject and end of validity', async () => {
    const paths = { certificate: file(site.certificatePem), key: file(site.keyPem) };
    expect(await loadCredential(paths, NOW)).toMatchObject({
      certificatePem: site.certificatePem,
      subject: 'CN=site',
      validTo: parseUtc('2027-01-01T00:00:00Z'),
    });
  });

  it('a key is opened with the password of its file, whose last newline does not count', async () => {
    const paths = {
      certificate: file(locked.certificatePem),
      key: file(locked.keyPem),
      passwordFile: file('tajné heslo\n'),
    };
    expect((await loadCredential(paths, NOW)).keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  });

  it('intermediate certificates in the file are kept', async () => {
    const chain = `${site.certificatePem}\n${authority.certificatePem}\n`;
    const paths = { certificate: file(chain), key: file(site.keyPem) };
    expect((await loadCredential(paths, NOW)).certificatePem).toBe(chain);
  });

  const refusals: [string, string, RegExp, () => Promise<unknown>][] = [
    [
      'no certificate file',
      'certificate-unreadable',
      /ENOENT/,
      () => loadCredential({ certificate: join(folder, 'none'), key: file(site.keyPem) }, NOW),
    ],
    [
      'not a certificate',
      'certificate-unreadable',
      /openssl pkcs12/,
      () => loadCredential({ certificate: file('\u0000\u0001'), key: file(site.keyPem) }, NOW),
    ],
    [
      'a certificate with a hole',
      'certificate-unreadable',
      /PEM is broken/,
      () =>
        loadCredential(
          { certificate: file(site.certificatePem.replace(/\n.{20}/, '\n')), key: file(site.keyPem) },
          NOW,
        ),
    ],
    [
      'expired',
      'certificate-invalid',
      /expired on 2027-01-01T00:00:00Z/,
      () =>
        loadCredential(
          { certificate: file(site.certificatePem), key: file(site.keyPem) },
          parseUtc('2027-01-01T00:00:01Z'),
        ),
    ],
    [
      'not yet valid',
      'certificate-invalid',
      /clock/,
      () =>
        loadCredential(
          { certificate: file(site.certificatePem), key: file(site.keyPem) },
          parseUtc('2025-12-31T00:00:00Z'),
        ),
    ],
    [
      'no key file',
      'key-unreadable',
      /ENOENT/,
      () => loadCredential({ certificate: file(site.certificatePem), key: join(folder, 'none') }, NOW),
    ],
    [
      'not a key',
      'key-unreadable',
      /openssl pkcs12/,
      () => loadCredential({ certificate: file(site.certificatePem), key: file(site.certificatePem) }, NOW),
    ],
    [
      'half an encrypted key',
      'key-unreadable',
      /PEM/,
      () =>
        loadCredential(
          {
            certificate: file(locked.certificatePem),
            key: file(locked.keyPem.slice(0, 500)),
            passwordFile: file('tajné heslo'),
          },
          NOW,
        ),
    ],
    [
      "another certificate's key",
      'key-mismatch',
      /CN=seal/,
      () => loadCredential({ certificate: file(locked.certificatePem), key: file(site.keyPem) }, NOW),
    ],
    [
      'no password for an encrypted key',
      'password-wrong',
      /passwordFile/,
      () => loadCredential({ certificate: file(locked.certificatePem), key: file(locked.keyPem) }, NOW),
    ],
    [
      'a wrong password',
      'password-wrong',
      /does not open/,
      () =>
        loadCredential(
          { certificate: file(locked.certificatePem), key: file(locked.keyPem), passwordFile: file('jiné') },
          NOW,
        ),
    ],
    [
      'no password file',
      'password-wrong',
      /ENOENT/,
      () =>
        loadCredential(
          { certificate: file(locked.certificatePem), key: file(locked.keyPem), passwordFile: join(folder, 'none') },
          NOW,
        ),
    ],
    ['no trusted certificate', 'certificate-unreadable', /ENOENT/, () => loadCertificates([join(folder, 'none')], NOW)],
  ];

  it.each(refusals)('%s: %s', async (_, code, detail, load) => {
    await expect(load()).rejects.toMatchObject({ failure: { code, detail: expect.stringMatching(detail) } });
  });

  it('a wrong password that happens to decrypt is a wrong password too', async () => {
    const paths = { certificate: file(locked.certificatePem), key: file(locked.keyPem) };
    // One wrong password in about 256 leaves a valid padding.
    for (let n = 0; n < 300; n++) {
      await expect(loadCredential({ ...paths, passwordFile: file(`wrong ${n}`) }, NOW)).rejects.toMatchObject({
        failure: { code: 'password-wrong' },
      });
    }
  });

  it('no detail gives the password away', async () => {
    const paths = { certificate: file(locked.certificatePem), key: file(locked.keyPem), passwordFile: file('hunter2') };
    const error: unknown = await loadCredential(paths, NOW).catch((reason: unknown) => reason);
    expect(String(error)).not.toContain('hunter2');
  });

  it('several trusted certificates are loaded in order', async () => {
    const other = await makeAuthority('Other');
    expect(await loadCertificates([file(authority.certificatePem), file(other.certificatePem)], NOW)).toEqual([
      authority.certificatePem,
      other.certificatePem,
    ]);
  });

  it('an expired certificate in the list is left out while another is valid, and refused when it is alone', async () => {
    const old = await issue(authority, { commonName: 'old', usage: 'seal', validTo: new Date(NOW - 1000) });
    const next = await issue(authority, { commonName: 'next', usage: 'seal', validFrom: new Date(NOW + 86_400_000) });
    const files = [old, next].map(({ certificatePem }) => file(certificatePem));
    expect(await loadCertificates([...files, file(authority.certificatePem)], NOW)).toEqual([
      next.certificatePem,
      authority.certificatePem,
    ]);
    await expect(loadCertificates(files, NOW)).rejects.toMatchObject({ failure: { code: 'certificate-invalid' } });
  });
});
