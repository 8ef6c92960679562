import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Folder } from '../../machine/folder.ts';
import { simFolder } from '../../sim/folder.ts';
import { type SiteTrial, siteTrial } from './site-trial.ts';

const OLD = 'site: a # old\n';
const NEW = 'site: a # new\n';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const WISH = { id: 'a'.repeat(32), text: NEW, withinMs: 60_000, devices: ['meter-1'] };

class PowerCut extends Error {}

/** After so many writes the power goes: that one is on the disk or not, and nothing follows. */
function failing(folder: Folder, writesLeft: number, isLastThere: boolean): Folder {
  let left = writesLeft;
  return {
    ...folder,
    async write(path, content) {
      left -= 1;
      if (left > 0) return folder.write(path, content);
      if (left === 0 && isLastThere) await folder.write(path, content);
      throw new PowerCut();
    },
  };
}

async function disk(): Promise<Folder> {
  const folder = simFolder();
  await folder.write('site.yaml', OLD);
  return folder;
}

const on = (folder: Folder) => siteTrial(folder, 'site.yaml', sha256);

/** What the program does at a start and after, with a file that is good or not; true when it wants to start again. */
async function live(trial: SiteTrial, folder: Folder, isGood: boolean): Promise<boolean> {
  await trial.starting();
  const text = await folder.readText('site.yaml');
  expect([OLD, NEW]).toContain(text);
  const record = await trial.record();
  if (record?.state !== 'on-trial') return false;
  if (isGood) await trial.keep();
  else return trial.rollBack('meter-1 was not read');
  return false;
}

describe('a site file on trial', () => {
  test('that is good counts from the next start on, and the old one is kept', async () => {
    const folder = await disk();
    const trial = on(folder);
    await trial.begin(WISH);
    expect(await live(trial, folder, true)).toBe(false);
    expect(await trial.record()).toMatchObject({ id: WISH.id, state: 'kept', why: '' });
    expect(await folder.readText('site.yaml')).toBe(NEW);
    expect(await folder.readText('site.yaml.before')).toBe(OLD);
    await trial.forget();
    expect(await trial.record()).toBeUndefined();
  });

  test('that is bad is taken back, with the reason', async () => {
    const folder = await disk();
    const trial = on(folder);
    await trial.begin(WISH);
    expect(await live(trial, folder, false)).toBe(true);
    expect(await folder.readText('site.yaml')).toBe(OLD);
    expect(await trial.record()).toMatchObject({ state: 'rolled-back', why: 'meter-1 was not read' });
  });

  test('with which the program does not stay up is started three times', async () => {
    const folder = await disk();
    const trial = on(folder);
    await trial.begin(WISH);
    for (let n = 0; n < 3; n++) {
      await trial.starting();
      expect(await folder.readText('site.yaml')).toBe(NEW);
    }
    await trial.starting();
    expect(await folder.readText('site.yaml')).toBe(OLD);
    expect(await trial.record()).toMatchObject({
      state: 'rolled-back',
      why: expect.stringContaining('did not stay up'),
    });
  });

  test('that somebody replaced by hand meanwhile leaves the hand the last word', async () => {
    const folder = await disk();
    const trial = on(folder);
    await trial.begin(WISH);
    await folder.write('site.yaml', 'by hand');
    await trial.starting();
    expect(await folder.readText('site.yaml')).toBe('by hand');
    expect(await trial.record()).toMatchObject({
      state: 'rolled-back',
      why: expect.stringContaining('on the machine'),
    });
  });

  test('that says the same as the one before is on trial as any other', async () => {
    const folder = await disk();
    const trial = on(folder);
    await trial.begin({ ...WISH, text: OLD });
    await trial.starting();
    expect(await trial.record()).toMatchObject({ state: 'on-trial', starts: 1 });
  });

  test('that the full disk does not take is on no trial', async () => {
    const folder = await disk();
    const full: Folder = {
      ...folder,
      write: (path, content) =>
        path === 'site.yaml' ? Promise.reject(new Error('no room')) : folder.write(path, content),
    };
    await expect(on(full).begin(WISH)).rejects.toThrow('no room');
    expect(await on(full).record()).toBeUndefined();
    expect(await folder.readText('site.yaml')).toBe(OLD);
  });

  test('whose predecessor was damaged stays, and that is told', async () => {
    const folder = await disk();
    const trial = on(folder);
    await trial.begin(WISH);
    await folder.write('site.yaml.before', 'damaged');
    expect(await trial.rollBack('x')).toBe(false);
    expect(await folder.readText('site.yaml')).toBe(NEW);
    expect(await trial.record()).toMatchObject({ state: 'kept', why: expect.stringContaining('site.yaml.before') });
  });
});

/** begin writes three files, a start one, the end two at the most. */
const CUTS = Array.from({ length: 7 }, (_, n) => n + 1).flatMap((writes) => [
  { writes, isLastThere: true, isGood: true },
  { writes, isLastThere: false, isGood: true },
  { writes, isLastThere: true, isGood: false },
  { writes, isLastThere: false, isGood: false },
]);

describe('the power goes in the middle', () => {
  test.each(CUTS)('at write $writes (on the disk: $isLastThere), with a file that is good: $isGood', async (cut) => {
    const folder = await disk();
    const mortal = failing(folder, cut.writes, cut.isLastThere);
    let isBegun = false;
    try {
      await on(mortal).begin(WISH);
      isBegun = true;
      while (await live(on(mortal), mortal, cut.isGood));
    } catch (error) {
      expect(error).toBeInstanceOf(PowerCut);
    }
    // Power is back, for good.
    while (await live(on(folder), folder, cut.isGood));
    const record = await on(folder).record();
    const text = await folder.readText('site.yaml');
    // Whatever happened: the file that counts is whole, and the record says the same as the file.
    expect(text).toBe(record?.state === 'kept' ? NEW : OLD);
    if (record) expect(['kept', 'rolled-back']).toContain(record.state);
    if (isBegun) expect(text).toBe(cut.isGood ? NEW : OLD);
    if (isBegun && !cut.isGood) expect(record?.state).toBe('rolled-back');
  });
});
