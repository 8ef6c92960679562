import { z } from 'zod';
import type { Millis } from '../../core/time.ts';
import type { Folder } from '../../machine/folder.ts';

/**
 * A site file on trial. Beside `site.yaml` stand `site.yaml.before`, the one that it replaced, and `site.yaml.trial`, which says
 * how far the trial is. Each is written whole or not at all, in such an order that the power may go between any two: there is
 * always a site file to start with, and it ends as the new one that was seen to work, or as the old one.
 */

/** A file with which the program does not stay up is not started more often. */
const STARTS_MAX = 3;

const recordSchema = z.object({
  /** The command. */
  id: z.string(),
  /** `on-trial` until it is known; then `kept` or `rolled-back`, until the command was answered. */
  state: z.enum(['on-trial', 'kept', 'rolled-back']),
  /** SHA-256 of the file before and of the one on trial. */
  before: z.string(),
  after: z.string(),
  withinMs: z.int(),
  /** Devices that must be read for the site to be well. */
  devices: z.array(z.string()),
  starts: z.int(),
  why: z.string(),
});

export type TrialRecord = z.output<typeof recordSchema>;

export interface NewTrial {
  readonly id: string;
  readonly text: string;
  readonly withinMs: Millis;
  readonly devices: readonly string[];
}

export interface SiteTrial {
  record(): Promise<TrialRecord | undefined>;
  /** Puts the file in the place of the one that counts. To be used from the next start on. */
  begin(trial: NewTrial): Promise<void>;
  /** To be called at every start before the site file is read. */
  starting(): Promise<void>;
  keep(): Promise<void>;
  /** Puts the old file back; false where there is no trial, or nothing to put back. */
  rollBack(why: string): Promise<boolean>;
  /** The command was answered. */
  forget(): Promise<void>;
}

/** @param name of the site file in its folder */
export function siteTrial(folder: Folder, name: string, sha256: (text: string) => string): SiteTrial {
  const [beforeName, recordName] = [`${name}.before`, `${name}.trial`];

  async function record(): Promise<TrialRecord | undefined> {
    const text = await folder.readText(recordName);
    if (!text) return undefined;
    const read = recordSchema.safeParse(parsed(text));
    return read.success ? read.data : undefined;
  }

  async function save(next: TrialRecord): Promise<void> {
    await folder.write(recordName, JSON.stringify(next, null, 1));
  }

  async function forget(): Promise<void> {
    await folder.write(recordName, '');
  }

  async function readSite(): Promise<string> {
    return (await folder.readText(name)) ?? '';
  }

  async function rollBack(why: string): Promise<boolean> {
    const trial = await record();
    if (trial?.state !== 'on-trial') return false;
    const before = await folder.readText(beforeName);
    if (before === undefined || sha256(before) !== trial.before) {
      // Reading with a doubtful file is better than not reading; a person has to look.
      await save({ ...trial, state: 'kept', why: `${why}; and ${beforeName} is not the file that ${name} replaced` });
      return false;
    }
    await folder.write(name, before);
    await save({ ...trial, state: 'rolled-back', why });
    return true;
  }

  return {
    record,
    rollBack,
    async begin({ id, text, withinMs, devices }) {
      const before = await readSite();
      await folder.write(beforeName, before);
      const hashes = { before: sha256(before), after: sha256(text) };
      await save({ id, state: 'on-trial', ...hashes, withinMs, devices: [...devices], starts: 0, why: '' });
      try {
        await folder.write(name, text);
      } catch (error) {
        // A disk that is full: there is no trial, or every later file would find one that never ends.
        await forget().catch(() => undefined);
        throw error;
      }
    },
    async starting() {
      const trial = await record();
      if (trial?.state !== 'on-trial') return;
      const hash = sha256(await readSite());
      const notApplied = 'the power went before it was put in place, or while it was taken back';
      const byHand = 'somebody changed the site file on the machine; theirs stands';
      if (hash !== trial.after)
        return save({
          ...trial,
          state: 'rolled-back',
          why: hash === trial.before ? trial.why || notApplied : byHand,
        });
      if (trial.starts >= STARTS_MAX) {
        await rollBack(`the program was started ${trial.starts} times with it and did not stay up`);
        return;
      }
      await save({ ...trial, starts: trial.starts + 1 });
    },
    async keep() {
      const trial = await record();
      if (trial?.state === 'on-trial') await save({ ...trial, state: 'kept' });
    },
    forget,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
