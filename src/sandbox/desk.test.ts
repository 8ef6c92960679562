import { beforeAll, expect, test } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { readAnswer } from '../message/answer.ts';
import {
  ELECTRICITY_POINT,
  electricityPack,
  formatFile,
  GAS_POINTS,
  gasPack,
  madeXml,
  pointDay,
  requestOf,
  ZONE,
} from '../message/message.testkit.ts';
import { canonical } from '../uplink/canonical.ts';
import { parseXml } from '../uplink/xml.ts';
import { answerDocument } from './answer.ts';
import { type Desk, openDesk } from './desk.ts';
import { type Answered, type Entry, type Journal, restored } from './journal.ts';
import { type CheckedPack, loadPacks } from './packs.ts';
import { DAY, electricityMessage, gasMessage, PACKS_FOLDER } from './sandbox.testkit.ts';

const NOW = Date.UTC(2026, 2, 29, 5, 10);
let packs: CheckedPack[];

beforeAll(async () => {
  packs = await loadPacks(PACKS_FOLDER);
});

function memoryJournal(entries: Entry[] = []): Journal & { entries: Entry[] } {
  return { entries, append: async (entry) => void entries.push(restored(entry)), close: async () => undefined };
}

function deskOn(journal: Journal, checkSchema = true): Desk {
  const points = [
    ...GAS_POINTS.map((code) => ({ code, commodity: 'gas' as const, minutes: 60 as const })),
    { code: ELECTRICITY_POINT, commodity: 'electricity' as const, minutes: 15 as const },
  ];
  return openDesk({ points, zone: ZONE, checkSchema }, packs, journal, { now: () => NOW });
}

function receive(desk: Desk, xml: string, refuse = false): Promise<Answered> {
  const element = parseXml(xml);
  const text = canonical(element);
  return desk.receive({ element, xml: text, utf8: Buffer.from(text) }, refuse);
}

function codes({ problems }: Answered): string[] {
  return problems.map(({ code }) => code);
}

test.each([
  ['2026-03-28', 23, 96],
  ['2026-03-29', 24, 92],
  ['2026-10-24', 25, 96],
  ['2026-10-25', 24, 100],
])('day %s is accepted whole: %i hours of gas, %i quarters of electricity', async (day, hours, quarters) => {
  const journal = memoryJournal();
  const desk = deskOn(journal);
  expect(codes(await receive(desk, gasMessage('00000000000001', { day }).xml))).toEqual([]);
  expect(codes(await receive(desk, electricityMessage('00000000000002', { day }).xml))).toEqual([]);
  expect(journal.entries.map(({ rows }) => rows.length)).toEqual([2 * hours, quarters]);
});

test('the same message again gives the same answer, and is in the journal once', async () => {
  const journal = memoryJournal();
  const desk = deskOn(journal);
  const { xml } = gasMessage('00000000000001');
  const [first, second] = await Promise.all([receive(desk, xml), receive(desk, xml)]);
  const afterRestart = await receive(deskOn(journal), xml);
  const answers = [first, second, afterRestart].map((entry) => answerDocument(entry, ZONE));
  expect(new Set(answers).size).toBe(1);
  expect(journal.entries).toHaveLength(1);
});

test('the same id with other content is rejected, and the first content stands', async () => {
  const journal = memoryJournal();
  const desk = deskOn(journal);
  await receive(desk, gasMessage('00000000000001').xml);
  const other = await receive(desk, gasMessage('00000000000001', { day: '2026-03-27' }).xml);
  expect(codes(other)).toEqual(['SANDBOX-DOUBLE']);
  expect(journal.entries).toHaveLength(1);
});

test('an interval accepted before is a double, also after a restart', async () => {
  const journal = memoryJournal();
  await receive(deskOn(journal), gasMessage('00000000000001').xml);
  const double = await receive(deskOn(journal), gasMessage('00000000000002').xml);
  expect(codes(double)).toEqual(['SANDBOX-DOUBLE', 'SANDBOX-DOUBLE']);
  expect(journal.entries.at(-1)?.rows).toEqual([]);
});

test('a correction names what it corrects: the message that holds the interval now, no other', async () => {
  const desk = deskOn(memoryJournal());
  await receive(desk, gasMessage('00000000000001').xml);
  const correction = await receive(desk, gasMessage('00000000000002', { corrects: '00000000000001' }).xml);
  expect(codes(correction)).toEqual([]);
  const late = await receive(desk, gasMessage('00000000000003', { corrects: '00000000000001' }).xml);
  expect(codes(late)).toEqual(['SANDBOX-DOUBLE', 'SANDBOX-DOUBLE']);
});

test('what was rejected may be sent under a new id', async () => {
  const desk = deskOn(memoryJournal());
  expect(codes(await receive(desk, gasMessage('00000000000001').xml, true))).toEqual(['SANDBOX-VALUE']);
  expect(codes(await receive(desk, gasMessage('00000000000002').xml))).toEqual([]);
});

test('an unknown point, a missing hour and a broken document have their own reasons', async () => {
  const desk = deskOn(memoryJournal());
  const unknown = gasMessage('00000000000001', { point: '27ZG700Z3003000M' }).xml;
  expect(codes(await receive(desk, unknown))).toEqual(['SANDBOX-POINT', 'SANDBOX-POINT']);
  const ordinary = madeXml(gasPack, {
    ...requestOf(gasPack, '2026-03-27', [
      pointDay({ pack: gasPack, day: '2026-03-27', minutes: 60 }, GAS_POINTS[0], ['volume']),
    ]),
    id: '00000000000002',
  });
  const missing = await receive(desk, ordinary.replace(/<Data [^>]*date-time-from="2026-03-27T07:00:00[^>]*>\s*/, ''));
  expect(missing.problems).toMatchObject([{ code: 'SANDBOX-COUNT', text: expect.stringContaining('23 intervalů') }]);
  const broken = gasMessage('00000000000003').xml.replace('status="MEASURED"', 'status="GOOD"');
  expect(codes(await receive(desk, broken))).toEqual(['SANDBOX-SCHEMA']);
});

test('hours in the places of quarters that are missing are of the wrong length', async () => {
  const { xml } = electricityMessage('00000000000001');
  const [quarters = ''] = /<ProfileData .*<\/ProfileData>/s.exec(xml) ?? [];
  const intervals = (profile: string, keep: (period: number) => number | undefined) =>
    profile.replace(/<Data period="(\d+)"([^>]*)>/g, (_data, period, rest) => {
      const kept = keep(Number(period));
      return kept === undefined ? '' : `<Data period="${kept}"${rest}>`;
    });
  const threeOfFour = intervals(quarters, (n) => (n % 4 === 1 ? undefined : n));
  const hours = intervals(quarters.replace('PT15M', 'PT60M'), (n) => (n % 4 === 1 ? (n + 3) / 4 : undefined));
  const answered = await receive(deskOn(memoryJournal(), false), xml.replace(quarters, threeOfFour + hours));
  expect(codes(answered)).toEqual(['SANDBOX-COUNT', 'SANDBOX-COUNT']);
});

test('a document that no pack knows is not entered at all', async () => {
  const journal = memoryJournal();
  await expect(receive(deskOn(journal), '<A xmlns="urn:x" id="1"/>')).rejects.toThrow('no pack knows');
  expect(journal.entries).toEqual([]);
});

test('a message that comes again before the journal has it waits, and fails with it', async () => {
  let refuse: (error: Error) => void = () => undefined;
  const written = new Promise<void>((_resolve, reject) => {
    refuse = reject;
  });
  const desk = deskOn({ ...memoryJournal(), append: () => written });
  const { xml } = gasMessage('00000000000001');
  let answered = 0;
  const both = [receive(desk, xml), receive(desk, xml)].map((one) => one.finally(() => answered++));
  const ended = Promise.allSettled(both);
  await new Promise(setImmediate);
  expect(answered).toBe(0);
  refuse(new Error('disk full'));
  expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

test('a journal that refuses leaves nothing accepted', async () => {
  const journal = memoryJournal();
  let refusals = 1;
  const append: Journal['append'] = async (entry) => {
    if (refusals-- > 0) throw new Error('disk full');
    return journal.append(entry);
  };
  const desk = deskOn({ ...journal, append });
  await expect(receive(desk, gasMessage('00000000000001').xml)).rejects.toThrow('disk full');
  expect(codes(await receive(desk, gasMessage('00000000000002').xml))).toEqual([]);
});

test('answers look as the samples do, and the packs read them as they were meant', async () => {
  const journal = memoryJournal();
  const desk = deskOn(journal);
  const gas = await receive(desk, gasMessage('00000000000001').xml);
  const electricity = await receive(desk, electricityMessage('00000000000002').xml);
  const rejected = await receive(desk, gasMessage('00000000000003').xml);
  expect(answerDocument(gas, ZONE)).toMatch(/^<n0:RESPONSE .*xmlns:prx="urn:sap\.com:proxy/);
  expect(answerDocument(electricity, ZONE)).toMatch(/^<RESPONSE .*code="0200" type="A01"/);
  for (const [entry, pack, unknownCode, verdict] of [
    [gas, gasPack, false, 'accepted'],
    [electricity, electricityPack, false, 'accepted'],
    [rejected, gasPack, false, 'rejected'],
    [gas, gasPack, true, 'unknown'],
    [electricity, electricityPack, true, 'unknown'],
  ] as const) {
    const xml = answerDocument(entry, ZONE, unknownCode);
    expect(readAnswer(pack, xml, entry.id, NOW).verdict).toBe(verdict);
    const { errors } = await validateXML({ xml, schema: formatFile('response.xsd') });
    expect(errors).toEqual([]);
  }
  expect(journal.entries[0]?.rows[0]).toMatchObject({ start: `${DAY}T05:00:00Z`, value: '1.001', unit: 'm3' });
});
