import 'reflect-metadata';
import { createPrivateKey, generateKeyPair, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import * as x509 from '@peculiar/x509';

/**
 * Certificates for rehearsal, demo and tests, made on the spot: RSA 2048, SHA-256, as the operator's own are.
 * They are valid over a wide span because a rehearsed day may lie years from the day of the rehearsal.
 */
const VALID_FROM = new Date('2020-01-01T00:00:00Z');
const VALID_TO = new Date('2049-12-31T00:00:00Z');

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const newKeyPair = promisify(generateKeyPair);

/** A certification authority that lives in memory: its key is never written anywhere. */
export interface Authority {
  readonly certificatePem: string;
  readonly certificate: x509.X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

/** server, client: the two ends of TLS; seal: what messages are signed with. */
export type CertificateUsage = 'server' | 'client' | 'seal';

export interface CertificateOrder {
  readonly commonName: string;
  /** Names or IP addresses under which a server is reached. */
  readonly dnsNames?: readonly string[];
  readonly usage: CertificateUsage;
  /** Encrypts the key (PKCS #8, AES-256). */
  readonly password?: string;
  readonly validFrom?: Date;
  readonly validTo?: Date;
}

export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export async function makeAuthority(name: string): Promise<Authority> {
  const { keyPem, keys } = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: distinguishedName(name),
    notBefore: VALID_FROM,
    notAfter: VALID_TO,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: certificate.toString('pem'), certificate, signingKey: await signingKey(keyPem) };
}

/** A key and a certificate for it. Takes some tenths of a second: the key is a new one every time. */
export async function issue(authority: Authority, order: CertificateOrder): Promise<IssuedCertificate> {
  const { keyPem, keys } = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: distinguishedName(order.commonName),
    issuer: authority.certificate.subjectName.toJSON(),
    notBefore: order.validFrom ?? VALID_FROM,
    notAfter: order.validTo ?? VALID_TO,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: authority.signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...usageExtensions(order),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
  return {
    certificatePem: certificate.toString('pem'),
    keyPem: order.password === undefined ? keyPem : encrypted(keyPem, order.password),
  };
}

async function makeKeys(): Promise<{ keyPem: string; keys: webcrypto.CryptoKeyPair }> {
  const { privateKey, publicKey } = await newKeyPair('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'der' },
  });
  const verifyingKey = await webcrypto.subtle.importKey('spki', publicKey, ALGORITHM, true, ['verify']);
  return { keyPem: privateKey, keys: { privateKey: await signingKey(privateKey), publicKey: verifyingKey } };
}

async function signingKey(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

function encrypted(keyPem: string, password: string): string {
  const pem = createPrivateKey(keyPem).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: password,
  });
  return pem.toString();
}

function distinguishedName(commonName: string): x509.JsonName {
  return [{ CN: [commonName] }];
}

function usageExtensions(order: CertificateOrder): x509.Extension[] {
  const { digitalSignature, keyEncipherment, nonRepudiation } = x509.KeyUsageFlags;
  const names = (order.dnsNames ?? []).map(
    (value): x509.JsonGeneralName => ({ type: isIP(value) ? 'ip' : 'dns', value }),
  );
  const alternatives = names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [];
  switch (order.usage) {
    case 'server':
      return [
        new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        ...alternatives,
      ];
    case 'client':
      return [
        new x509.KeyUsagesExtension(digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
        ...alternatives,
      ];
    case 'seal':
      return [new x509.KeyUsagesExtension(digitalSignature | nonRepudiation, true), ...alternatives];
  }
}
