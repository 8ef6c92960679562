import type { BoundDevice } from '../../src/device/bound.ts';
import type { SelectorArchive } from '../../src/device/model.ts';
import { type Asked, type RecordSource, recordLayout } from './archive-source.ts';
import type { Ask } from './pdu.ts';
import { placeRange } from './places.ts';
import { planRequests } from './plan.ts';
import { type Answer, rangeText } from './registers.ts';

/**
 * One record at a time in a window: its number is written to the selector, then the window is read whole. The first record is
 * named by the number that stands for the newest; every window says the number of the record before it. Two windows show by how
 * much the numbers differ, so that a record far back is found without walking there. A wrong guess does no harm: the stamp in
 * the window, not the number, says what record it is.
 */

const RECORD_NUMBERS = 0x10000;

/** Throws RangeError when the window does not fit the table, a request, or the record in it. */
export function recordsBySelector(device: BoundDevice, spec: SelectorArchive): RecordSource {
  const { window, select, older, usable } = spec;
  const range = placeRange(window.table, window.address, window.registers);
  if (range.count > device.model.modbus.registersMax) {
    throw new RangeError(`the window ${rangeText(range)} is more than ${device.model.modbus.registersMax} registers`);
  }
  const layout = recordLayout(device, spec, window.registers);
  const records = device.config.archive?.records ?? spec.records;
  /** Age -> which of the dialogue's answers holds its window. */
  const answerOf = new Map<number, number>();

  const windowOf = (age: number, answers: readonly Answer[]): Uint8Array | undefined =>
    answers[answerOf.get(age) ?? -1]?.bytes;
  const toldBy = (age: number, answers: readonly Answer[]): number | undefined => {
    const bytes = windowOf(age, answers);
    return bytes && word(bytes, older.offset);
  };
  const numberOf = (age: number, answers: readonly Answer[]): number | undefined => {
    if (age === 0) return select.newest;
    const nearest = [...answerOf.keys()].filter((held) => held < age).sort((a, b) => b - a)[0];
    const told = nearest === undefined ? undefined : toldBy(nearest, answers);
    if (told === undefined) return undefined;
    const [first = 0, second = 0] = [toldBy(0, answers), toldBy(1, answers)];
    const number = told + (age - 1 - nearest!) * (second - first);
    return number >= 0 && number < RECORD_NUMBERS && number !== select.newest ? number : undefined;
  };

  return {
    layout,
    records,
    firstAges: [0],
    ask(ages, also, answers): Asked {
      const asks: Ask[] = planRequests(also, device.model.modbus).map((each) => ({ kind: 'read', range: each }));
      const places = new Map<number, number>();
      // How the numbers go on is known only once the second record has been seen.
      const next = ages.some((age) => age > 0) && !answerOf.has(1) ? [1] : ages;
      for (const age of next) {
        const record = numberOf(age, answers);
        if (record === undefined) continue;
        places.set(age, answers.length + asks.filter(({ kind }) => kind === 'read').length);
        asks.push({ kind: 'select', address: select.address, record, code: select.function }, { kind: 'read', range });
      }
      for (const [age, place] of places) answerOf.set(age, place);
      return { ages: [...places.keys()], asks };
    },
    held(age, answers) {
      const bytes = windowOf(age, answers) ?? new Uint8Array(2 * range.count);
      const part = ({ offset, count }: { offset: number; count: number }) =>
        bytes.subarray(2 * offset, 2 * (offset + count));
      const state = usable && word(bytes, usable.offset);
      return {
        stamp: part(layout.stamp),
        values: layout.values.map(part),
        torn: false,
        ...(usable && !usable.is.includes(state ?? -1) && { unusable: `the meter marked the record with ${state}` }),
      };
    },
  };
}

function word(bytes: Uint8Array, offset: number): number {
  return ((bytes[2 * offset] ?? 0) << 8) | (bytes[2 * offset + 1] ?? 0);
}
