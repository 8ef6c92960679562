import type { BoundDevice } from '../../src/device/bound.ts';
import type { RecordsArchive } from '../../src/device/model.ts';
import { type RecordSource, recordLayout } from './archive-source.ts';
import { blockAddress, placeRange } from './places.ts';
import { pick, planRequests, type Wanted } from './plan.ts';
import { hexText, type RegisterRange } from './registers.ts';

/** Records side by side in registers, where the site placed them. */

/** Throws RangeError when the block is not placed, or a record does not fit its stride or the table. */
export function recordsBySide(device: BoundDevice, spec: RecordsArchive): RecordSource {
  const start = blockAddress(device, spec.block);
  const stride = device.config.archive?.stride ?? spec.stride;
  const records = device.config.archive?.records ?? spec.records;
  placeRange(spec.table, start, stride * records);
  const layout = recordLayout(device, spec, stride);

  const range = (age: number, { offset, count }: { offset: number; count: number }): RegisterRange => {
    const slot = spec.newest === 'first' ? age : records - 1 - age;
    return { table: spec.table, address: start + slot * stride + offset, count };
  };
  /** Every value of a record, each with the record's stamp. */
  const wantedOf = (age: number): Wanted[] =>
    layout.values.map((value) => ({ value: range(age, value), stamp: range(age, layout.stamp) }));
  const plan = (wanted: readonly Wanted[]) => planRequests(wanted, device.model.modbus);
  const twoForOne = records > 1 && plan([0, 1].flatMap(wantedOf)).length <= plan(wantedOf(0)).length;

  return {
    layout,
    records,
    firstAges: twoForOne ? [0, 1] : [0],
    ask(ages, also) {
      const ranges = plan([...ages.flatMap(wantedOf), ...also]);
      return { ages, asks: ranges.map((each) => ({ kind: 'read', range: each })) };
    },
    held(age, answers) {
      const picked = wantedOf(age).map((wanted) => pick(wanted, answers));
      const stamps = picked.map(({ stamp }) => stamp ?? new Uint8Array());
      const [stamp = new Uint8Array()] = stamps;
      const torn = picked.some((one) => one.torn) || stamps.some((other) => hexText(other) !== hexText(stamp));
      return { stamp, values: picked.map(({ value }) => value), torn };
    },
  };
}
