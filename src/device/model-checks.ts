import type { Problem } from '../core/problem.ts';
import { QUANTITIES } from '../core/quantity.ts';
import type { Path, SourceDocument } from '../core/source.ts';
import { parseUtc } from '../core/time.ts';
import type { DeviceModel, ModelTest, ReadingSpec } from './model.ts';
import { judgeArchive, judgeFlags, judgeRegisters } from './register-checks.ts';
import { judgeUnit } from './unit-check.ts';
import { isZone, zoneAdvice } from './zone.ts';

/** What the schema cannot say about a device file: whether its parts fit each other. */
export function judgeModel(model: DeviceModel, document: SourceDocument): Problem[] {
  return [
    ...model.readings.flatMap((reading, n) => judgeReading(model, reading, ['readings', n], document)),
    ...judgeDoubles(model, document),
    ...judgeBlocks(model, document),
    ...judgeClock(model, document),
    ...judgeArchive(model, document),
    ...judgeFlags(model, document),
    ...model.tests.flatMap((test, n) => judgeTest(model, test, ['tests', n], document)),
  ];
}

function judgeReading(model: DeviceModel, reading: ReadingSpec, path: Path, document: SourceDocument): Problem[] {
  const problems = judgeUnit(reading, path, document);
  const counts = ['volume', 'energy', 'reactive energy'].includes(QUANTITIES[reading.quantity].dimension);
  if (counts !== (reading.kind === 'counter')) {
    const [expected, why] = counts
      ? ['"counter"', 'volume and energy are counted']
      : ['"instantaneous"', `${reading.quantity} is not counted`];
    problems.push(document.problem([...path, 'kind'], `"${reading.kind}"`, expected, why));
  }
  if (reading.digits !== undefined && reading.rollsOverAt !== undefined)
    problems.push(document.keyProblem([...path, 'rollsOverAt'], 'digits and rollsOverAt', 'one of them', 'remove one'));
  problems.push(...judgePlace(model, reading, path, document, 'number'));
  if (reading.stamp) problems.push(...judgePlace(model, reading.stamp, [...path, 'stamp'], document, 'time'));
  const history = reading.mbus;
  if (history?.storageTo !== undefined && history.storageTo < history.storage) {
    const at = [...path, 'mbus', 'storageTo'];
    problems.push(document.problem(at, String(history.storageTo), `${history.storage} (storage) or more`));
  }
  if (history?.storageTo !== undefined && !reading.stamp)
    problems.push(
      document.problem(
        path,
        'a history without a stamp',
        'a "stamp:" with the time-points',
        'say where the times stand',
      ),
    );
  return problems;
}

/** A place for this protocol, none for the other, and the right sort of type in it. */
function judgePlace(
  model: DeviceModel,
  place: Pick<ReadingSpec, 'mbus' | 'modbus'>,
  path: Path,
  document: SourceDocument,
  want: 'number' | 'time',
): Problem[] {
  const foreign = model.protocol === 'mbus' ? 'modbus' : 'mbus';
  const problems: Problem[] = [];
  if (place[foreign]) {
    const at = [...path, foreign];
    problems.push(document.keyProblem(at, `"${foreign}:"`, `"${model.protocol}:"`, `protocol is ${model.protocol}`));
  }
  if (!place[model.protocol])
    problems.push(document.problem(path, `no "${model.protocol}:"`, `"${model.protocol}:" with the value's place`));
  if (model.protocol === 'mbus' && place.mbus && (place.mbus.value === 'time-point') !== (want === 'time'))
    problems.push(
      document.problem(
        [...path, 'mbus', 'value'],
        `"${place.mbus.value}"`,
        want === 'time' ? '"time-point" (date and time)' : 'a value, not a time',
      ),
    );
  if (model.protocol === 'modbus' && place.modbus)
    problems.push(...judgeRegisters(model, place.modbus, [...path, 'modbus'], document, want));
  return problems;
}

/** The same quantity may stand twice only as the value now and the value the meter froze. */
function judgeDoubles(model: DeviceModel, document: SourceDocument): Problem[] {
  const seen = new Set<string>();
  return model.readings.flatMap(({ quantity, stamp }, n) => {
    const key = `${quantity} ${stamp ? 'stored' : 'now'}`;
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    const found = `"${quantity}" (${stamp ? 'with a stamp' : 'without a stamp'}) a second time`;
    return [document.problem(['readings', n, 'quantity'], found, 'each quantity once now and once stored')];
  });
}

function judgeBlocks(model: DeviceModel, document: SourceDocument): Problem[] {
  const used = new Set(
    [
      ...model.readings.flatMap(({ modbus, stamp }) => [modbus?.block, stamp?.modbus?.block]),
      model.archive?.pattern === 'records' ? model.archive.block : undefined,
      ...model.flags.map(({ modbus }) => modbus.block),
      model.identity?.modbus.block,
      model.meterClock?.modbus?.block,
    ].filter((block) => block !== undefined),
  );
  return Object.keys(model.blocks)
    .filter((block) => !used.has(block))
    .map((block) =>
      document.keyProblem(['blocks', block], `the block "${block}" that nothing uses`, 'a block in use', 'remove it'),
    );
}

function judgeClock(model: DeviceModel, document: SourceDocument): Problem[] {
  const problems: Problem[] = [];
  if (model.meterClock) problems.push(...judgePlace(model, model.meterClock, ['meterClock'], document, 'time'));
  if (model.identity && model.protocol === 'mbus')
    problems.push(
      document.keyProblem(['identity'], 'an identity', 'none: an M-Bus meter sends its own', 'remove "identity:"'),
    );
  else if (model.identity)
    problems.push(...judgeRegisters(model, model.identity.modbus, ['identity', 'modbus'], document, 'any'));
  return problems;
}

const HEX = /^(?:[0-9a-f]{2})+$/i;

function judgeTest(model: DeviceModel, test: ModelTest, path: Path, document: SourceDocument): Problem[] {
  const problems: Problem[] = [];
  const [own, other] =
    model.protocol === 'mbus' ? (['telegram', 'registers'] as const) : (['registers', 'telegram'] as const);
  if (test[own] === undefined) problems.push(document.problem(path, `no "${own}:"`, `"${own}:" in hex`));
  if (test[other] !== undefined)
    problems.push(document.keyProblem([...path, other], `"${other}:"`, `"${own}:"`, `protocol is ${model.protocol}`));
  if (test.telegram !== undefined && !HEX.test(test.telegram.replace(/\s/g, '')))
    problems.push(document.problem([...path, 'telegram'], 'text that is not hex', 'pairs of hex digits'));
  for (const [start, words] of Object.entries(test.registers ?? {})) {
    const at = [...path, 'registers', start];
    if (!/^(?:holding|input|coil|discrete):0x[0-9a-f]{1,4}$/.test(start))
      problems.push(document.keyProblem(at, `"${start}"`, 'a table and an address like "holding:0x1000"'));
    if (!/^(?:[0-9a-f]{4})+$/i.test(words.replace(/\s/g, '')))
      problems.push(document.problem(at, `"${words}"`, 'registers of four hex digits each'));
  }
  for (const block of Object.keys(model.blocks))
    if (!Object.hasOwn(test.blocks ?? {}, block))
      problems.push(document.problem(path, `no place for the block "${block}"`, `"blocks:" with "${block}: address"`));
  if (!isZone(test.zone))
    problems.push(document.problem([...path, 'zone'], `"${test.zone}"`, ...zoneAdvice(test.zone)));
  problems.push(...judgeInstant(test.now, [...path, 'now'], document));
  test.expect.forEach(({ at, ...value }, n) => {
    problems.push(...judgeUnit(value, [...path, 'expect', n], document));
    if (at !== undefined) problems.push(...judgeInstant(at, [...path, 'expect', n, 'at'], document));
  });
  return problems;
}

/** An instant must say its offset, or the same file means another hour in summer. */
export function judgeInstant(text: string, path: Path, document: SourceDocument): Problem[] {
  try {
    parseUtc(text);
    return [];
  } catch {
    const advice = 'say the offset too: "Z", "+01:00" in winter, "+02:00" in summer';
    return [document.problem(path, `"${text}"`, 'an instant like "2026-03-28T05:00:00Z"', advice)];
  }
}
