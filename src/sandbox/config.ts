import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { problemText } from '../core/problem.ts';
import { readYaml } from '../core/yaml.ts';
import { faultSchema } from './faults.ts';

/** What the stand-in for the operator's service is told. File names are relative to the configuration file. */
const file = z.string().min(1);
const identity = z.strictObject({ certificate: file, key: file });

export const sandboxSchema = z.strictObject({
  host: z.string().default('127.0.0.1'),
  /** 0 takes any free port. */
  port: z.int().min(0).max(65535),
  /** Where the journal of what was received is kept. */
  folder: file,
  zone: z.string().default('Europe/Prague'),
  tls: identity.extend({
    /** Authorities whose client certificates may connect. */
    clientAuthorities: z.array(file).min(1),
  }),
  /** What answers are signed with. */
  seal: identity,
  /** Certificates under which messages may be signed. */
  trustedSeals: z.array(file).min(1),
  /** Folder with the format packs and their schemas. */
  packs: file,
  points: z
    .array(
      z.strictObject({
        code: z.string().min(1),
        commodity: z.enum(['gas', 'electricity']),
        minutes: z.literal([15, 60]),
      }),
    )
    .min(1),
  /** How far a message's Timestamp may be from our clock; a rehearsal with a fast clock needs more. */
  timestampWindowMs: z.int().min(1_000).default(300_000),
  /** A load test may leave out the schema, which takes most of the time; the pack still has to read the document. */
  checkSchema: z.boolean().default(true),
  faults: z.array(faultSchema).default([]),
});

export type SandboxConfig = z.output<typeof sandboxSchema>;

/** Reads sandbox.yaml. Throws OdecetError site-unreadable or site-invalid. */
export async function loadSandboxConfig(path: string): Promise<SandboxConfig> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new OdecetError('site-unreadable', `${path} cannot be read; name the sandbox's configuration file`, {
      cause,
    });
  });
  const read = readYaml(text, path, sandboxSchema);
  if (read.kind === 'problems') throw new OdecetError('site-invalid', read.problems.map(problemText).join('\n'));
  return absolute(read.value, dirname(path));
}

function absolute(config: SandboxConfig, base: string): SandboxConfig {
  const at = (name: string): string => resolve(base, name);
  const both = ({ certificate, key }: { certificate: string; key: string }) => ({
    certificate: at(certificate),
    key: at(key),
  });
  return {
    ...config,
    folder: at(config.folder),
    tls: { ...both(config.tls), clientAuthorities: config.tls.clientAuthorities.map(at) },
    seal: both(config.seal),
    trustedSeals: config.trustedSeals.map(at),
    packs: at(config.packs),
  };
}
