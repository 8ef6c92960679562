import type { Fault } from './fault.ts';
import { PLANTED_IN_READING } from './planted-in-reading.ts';

/** Every fault that is planted: in reading, and behind it in the store, the profiles, the sending. */
export const PLANTED: readonly Fault[] = [
  ...PLANTED_IN_READING,
  {
    name: 'a write is called done before it is on the disk',
    file: 'src/buffer/journal.ts',
    from: "await store.batch([...group.ops, { kind: 'put', key: HEADS_KEY, value: encodeHeads(group.heads) }]);",
    to: "store.batch([...group.ops, { kind: 'put', key: HEADS_KEY, value: encodeHeads(group.heads) }]).catch(() => undefined);",
    faults: 'power-cut',
  },
  {
    name: 'a message id is used again',
    file: 'src/buffer/ids.ts',
    from: 'last = Math.max(last + 1, now());',
    to: 'last = now() - (now() % 86_400_000);',
    faults: 'none',
  },
  {
    name: 'an answer nobody knows counts as accepted',
    file: 'src/message/answer.ts',
    from: ")?.verdict ?? 'unknown',",
    to: ")?.verdict ?? 'accepted',",
    faults: 'operator',
  },
  {
    name: 'a message whose answer was lost is never sent again',
    file: 'src/uplink/sender.ts',
    from: 'else if (!chosen || failures < chosen.failures) chosen',
    to: "else if (queued.state === 'prepared' && (!chosen || failures < chosen.failures)) chosen",
    faults: 'operator',
  },
  {
    name: 'a correction is sent as news',
    file: 'src/app/point-day.ts',
    from: "return accepted ? { kind: 'correct', message: accepted } : { kind: 'send' };",
    to: "return { kind: 'send' };",
  },
  {
    name: 'a correction is sent as news, and the queue lets it through',
    file: 'src/app/point-day.ts',
    from: "return accepted ? { kind: 'correct', message: accepted } : { kind: 'send' };",
    to: "return { kind: 'send' };",
    also: [
      {
        file: 'src/buffer/queue.ts',
        from: 'if (!isFree) throw alreadyQueued(carried, version, id);',
        to: '',
      },
    ],
  },
  {
    name: 'what becomes better after its day was done is not heard of',
    file: 'src/app/closer.ts',
    from: 'if (start >= (await buffer.cursor(cursorName(commodity)))) return;',
    to: 'if (start >= 0) return;',
  },
  {
    name: 'a damaged record is served',
    file: 'src/buffer/frame.ts',
    from: 'if (stored !== computed) return',
    to: 'if (bytes.length < 0) return',
    faults: 'bit-flip',
  },
  {
    name: 'rounding loses the remainder of a day',
    file: 'src/message/rounding.ts',
    from: 'exact = add(exact, value);\n    const next = round(exact, decimals);',
    to: 'exact = add(exact, value);\n    const next = add(written, round(value, decimals));',
    faults: 'none',
  },
  {
    name: 'gas days begin at midnight',
    file: 'src/core/calendar.ts',
    from: '{ electricity: 0, gas: 6 }',
    to: '{ electricity: 0, gas: 0 }',
    faults: 'none',
  },
  {
    name: 'the heat of the day before is used',
    file: 'src/app/energies.ts',
    from: "heatOn(marketDayOf('gas', volume.start, site.zone))",
    to: "heatOn(marketDayOf('gas', volume.start - 86_400_000, site.zone))",
    faults: 'none',
  },
  {
    name: 'a heat that is told late or corrected changes nothing',
    file: 'src/app/heat-stage.ts',
    from: 'profiler.reheat(changed)',
    to: 'profiler.reheat([])',
    faults: 'heat',
  },
  {
    name: 'a converted volume is for 0 °C',
    file: 'src/profile/conversion.ts',
    from: 'const BASE_TEMPERATURE_C = decimal(15);',
    to: 'const BASE_TEMPERATURE_C = decimal(0);',
    faults: 'none',
  },
  {
    name: 'an estimate takes the place of a computed value',
    file: 'src/app/fill-gaps.ts',
    from: 'if (!isOpen(interval)) continue;\n    const last',
    to: "if (interval.quality !== 'computed' && !isOpen(interval)) continue;\n    const last",
    also: [
      {
        file: 'src/app/fill-gaps.ts',
        from: 'if (versions.some((one) => !isOpen(one))) return true;',
        to: '',
      },
    ],
  },
  {
    name: 'an estimate stays when the archive delivers',
    file: 'src/app/versions.ts',
    from: "if (quality === 'estimated') return 1;",
    to: "if (quality === 'estimated') return 4;",
    // A meter that is dead over the end of its day, comes back and has all of it in its archive.
    faults: 'meter-dead',
    weeks: '1.5',
    points: '1',
  },
  {
    name: 'estimates do not add up to what the index moved',
    file: 'src/profile/estimate.ts',
    from: 'const share = subtract(upTo, given);',
    to: "const share = divide(multiply(total, own), all, places - 1, 'floor');",
  },
  {
    name: "a person's value takes the place of the original",
    file: 'src/app/substitute.ts',
    from: 'version: (before?.version ?? 0) + 1,\n      madeAt',
    to: 'version: before?.version ?? 1,\n      madeAt',
    also: [
      {
        file: 'src/buffer/intervals.ts',
        from: 'if (isFree || isMadeAgain) {',
        to: "if (isFree || isMadeAgain || interval.quality === 'substituted') {",
      },
    ],
    faults: 'person',
  },
  {
    name: 'a restored gateway sends again what it may have sent before',
    file: 'src/app/held.ts',
    from: 'if (id <= lastId || isFree) return undefined;',
    to: 'if (id !== lastId) return undefined;',
    faults: 'machine-replaced',
  },
  {
    name: 'what the operator has not accepted is given up',
    file: 'src/buffer/trim.ts',
    from: 'return once(interval, () => isAccepted(draft, interval));',
    to: 'return once(interval, async () => true);',
    faults: 'operator',
    weeks: '10.5',
    points: '1',
  },
  {
    name: "a person's value is painted over",
    file: 'src/app/versions.ts',
    from: "if (quality === 'substituted') return 4;",
    to: "if (quality === 'substituted') return 2;",
    faults: 'person',
  },
];
