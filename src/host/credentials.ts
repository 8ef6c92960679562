import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { OdecetError } from '../core/failure.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';

/** File names, as the site file gives them. */
export interface CredentialFiles {
  readonly certificate: string;
  readonly key: string;
  readonly passwordFile?: string | undefined;
}

/** A certificate and its key, checked and ready for use; the key is without its password and must not be written anywhere. */
export interface Credential {
  /** The whole file: the certificate, then those between it and the root, if any. */
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly subject: string;
  readonly validTo: UtcMs;
}

/**
 * @param now the machine's own time, not a rehearsal's: the TLS library checks against it
 *
 * Throws OdecetError certificate-unreadable, certificate-invalid, key-unreadable, password-wrong or key-mismatch, each with the
 * file and what to do.
 */
export async function loadCredential(files: CredentialFiles, now: UtcMs): Promise<Credential> {
  const { pem, first } = await readCertificates(files.certificate);
  checkDates(files.certificate, first, now);
  const key = await readKey(files);
  if (!first.checkPrivateKey(key)) {
    const detail = `${files.key} is not the key of ${files.certificate} (${first.subject}); use the pair that was issued together`;
    throw new OdecetError('key-mismatch', detail);
  }
  return {
    certificatePem: pem,
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    subject: first.subject,
    validTo: Date.parse(first.validTo),
  };
}

/**
 * Certificates that are trusted: each file's PEM text. The list may hold one that has expired and one that is valid from next
 * month on, so that a change at the operator needs nobody on the day; expired ones are left out.
 * Throws certificate-unreadable, or certificate-invalid when none of them is valid now.
 */
export async function loadCertificates(files: readonly string[], now: UtcMs): Promise<string[]> {
  const all = await Promise.all(files.map(async (file) => ({ file, ...(await readCertificates(file)) })));
  const [only] = all;
  const isValid = ({ first }: { first: X509Certificate }) =>
    Date.parse(first.validFrom) <= now && !isExpired(first, now);
  if (only && !all.some(isValid)) checkDates(only.file, only.first, now);
  return all.filter(({ first }) => !isExpired(first, now)).map(({ pem }) => pem);
}

async function readCertificates(file: string): Promise<{ pem: string; first: X509Certificate }> {
  const pem = await readText(file, 'certificate-unreadable');
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const all = blocks.map((block) => parseCertificate(file, block));
  const [first] = all;
  if (!first) {
    const detail = `${file}: no PEM certificate in it; for a .p12 or .pfx file: openssl pkcs12 -in FILE -clcerts -nokeys -out ${file}`;
    throw new OdecetError('certificate-unreadable', detail);
  }
  return { pem, first };
}

function parseCertificate(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new OdecetError('certificate-unreadable', `${file}: its PEM is broken; copy it again`, { cause });
  }
}

function isExpired({ validTo }: X509Certificate, now: UtcMs): boolean {
  return now > Date.parse(validTo);
}

function checkDates(file: string, { subject, validFrom, validTo }: X509Certificate, now: UtcMs): void {
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  if (now < from) {
    const detail = `${file} (${subject}) is valid from ${isoUtc(from)}, it is ${isoUtc(now)}; is this machine's clock right?`;
    throw new OdecetError('certificate-invalid', detail);
  }
  if (now > to) {
    const detail = `${file} (${subject}) expired on ${isoUtc(to)}; have a new one issued and put it in place`;
    throw new OdecetError('certificate-invalid', detail);
  }
}

async function readKey({ key: file, passwordFile }: CredentialFiles): Promise<KeyObject> {
  const pem = await readText(file, 'key-unreadable');
  // Editors end a file with a newline that is not part of the password.
  const password = passwordFile && (await readText(passwordFile, 'password-wrong')).replace(/\r?\n$/, '');
  // A key that was cut off is unreadable, whatever its password.
  const isEncrypted = /-----BEGIN [\s\S]*ENCRYPTED[\s\S]*-----END /.test(pem);
  if (isEncrypted && password === undefined)
    throw new OdecetError('password-wrong', `${file} is encrypted; name the file with its password as passwordFile`);
  try {
    return createPrivateKey(password === undefined ? pem : { key: pem, passphrase: password });
  } catch (cause) {
    if (isEncrypted)
      throw new OdecetError('password-wrong', `the password in ${passwordFile} does not open ${file}`, { cause });
    const detail = `${file}: no PEM private key in it; for a .p12 or .pfx file: openssl pkcs12 -in FILE -nocerts -out ${file}`;
    throw new OdecetError('key-unreadable', detail, { cause });
  }
}

async function readText(
  file: string,
  code: 'certificate-unreadable' | 'key-unreadable' | 'password-wrong',
): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError(code, `${file}: ${why}; give the right path and let this program's user read it`, { cause });
  }
}
