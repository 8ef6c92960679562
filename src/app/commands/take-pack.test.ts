import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadPack } from '../../message/pack.ts';
import { simFolder } from '../../sim/folder.ts';
import { readOrder } from '../../uplink/relay/command-bodies.ts';
import { aPoint, aSite, ZONE } from '../app.testkit.ts';
import { type LaterPack, packOf } from '../packs.ts';
import { PROJECT_FOLDER } from '../project.ts';
import { takePack } from './take-pack.ts';

const NOW = Date.UTC(2026, 5, 1, 8);
const TEXT = readFileSync(join(PROJECT_FOLDER, 'format-packs', 'ote', 'gasdat.yaml'), 'utf8');
const version = (n: number) => TEXT.replace(/^version: \d+$/m, `version: ${n}`);
const packIn = (text: string) => {
  const loaded = loadPack(text, 'pack');
  if (loaded.kind !== 'pack') throw new Error('no pack');
  return loaded.pack;
};
const market = {
  gas: {
    sender: { id: '27XG-CENTROPOL-P', codingScheme: '15' },
    receiver: { id: '27XGOTE-CZ-GAS-R', codingScheme: '15' },
    pack: 'ote/gasdat',
  },
};
const packs = { packs: new Map([['gas', packIn(TEXT)] as const]) };
const WISH = { pack: 'ote/gasdat', from: '2026-12-01', text: version(9) };

function parts(folder = simFolder()) {
  return { site: aSite({ market }), packs, points: [aPoint()], folder, now: NOW };
}

test('a newer pack is kept for its date, and taking it once more changes nothing', async () => {
  const folder = simFolder();
  expect(await takePack(parts(folder), WISH)).toMatchObject({ outcome: 'done', result: { from: '2026-12-01' } });
  expect(await folder.readText('format-packs/ote/gasdat.from/2026-12-01.yaml')).toBe(WISH.text);
  expect(await takePack(parts(folder), WISH)).toMatchObject({ outcome: 'done' });
});

test('messages are made with it from the midnight of its date on', () => {
  const later: LaterPack[] = [{ from: '2026-12-01', pack: packIn(version(9)) }];
  const site = { ...packs, laterPacks: new Map([['gas', later] as const]) };
  const before = packOf(site, 'gas', Date.UTC(2026, 10, 30, 22, 59, 59), ZONE);
  const after = packOf(site, 'gas', Date.UTC(2026, 10, 30, 23), ZONE);
  expect([before.version, after.version]).toEqual([packIn(TEXT).version, 9]);
});

test.each([
  ['is no pack', { text: 'name: x' }, /required|expected/i],
  ['is one that the site does not use', { pack: 'ote/other' }, /not "ote\/other"/],
  ['would take effect today', { from: '2026-06-01' }, /a day after/],
  ['is no newer', { text: version(1) }, /higher version/],
  ['bears another name', { text: version(9).replace(/^name: .*$/m, 'name: other') }, /its name is "other"/],
  ['makes no document of the site', { text: version(9).replace(/^bytesMax: .*$/m, 'bytesMax: 1000') }, /imagined day/],
])('a pack that %s is refused, and nothing is kept', async (_, change, why) => {
  const folder = simFolder();
  const taken = await takePack(parts(folder), { ...WISH, ...change });
  expect(taken).toMatchObject({ outcome: 'refused', reason: 'check-failed', detail: expect.stringMatching(why) });
  expect(await folder.list('format-packs/ote/gasdat.from')).toEqual([]);
});

test('a pack is not taken for a time before one that would take its place at once again', async () => {
  const laterPacks = new Map([['gas', [{ from: '2026-12-01', pack: packIn(version(9)) }]] as const]);
  const made = parts();
  const earlier = { ...WISH, from: '2026-11-01', text: version(10) };
  expect(await takePack({ ...made, packs: { ...packs, laterPacks } }, earlier)).toMatchObject({
    outcome: 'refused',
    detail: expect.stringContaining('on 2026-12-01 already'),
  });
  const instead = { ...earlier, from: '2026-12-01' };
  expect(await takePack({ ...made, packs: { ...packs, laterPacks } }, instead)).toMatchObject({ outcome: 'done' });
});

test('a pack is for a day that is in the calendar', () => {
  const order = (from: string) => readOrder('pack', JSON.stringify({ ...WISH, from })).ok;
  expect(['2028-02-29', '2026-02-29', '2026-13-01', '0000-99-99'].map(order)).toEqual([true, false, false, false]);
});

test('a pack that is not verified is not taken where messages are real', async () => {
  const made = parts();
  const uplink = { ...made.site.uplink, environment: 'production' as const };
  const taken = await takePack({ ...made, site: { ...made.site, uplink } }, WISH);
  expect(taken).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('not verified') });
});
