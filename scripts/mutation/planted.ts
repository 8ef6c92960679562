/** A replacement of a text that stands once in a file. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** One fault that could be in the program. */
export interface Fault extends Edit {
  readonly name: string;
  /** What else has to be so for the fault to come through: another part of the program would catch it by itself. */
  readonly also?: readonly Edit[];
  /** The weather of the runs that look for it, as for `odecet sim --faults`; all when absent. */
  readonly faults?: string;
  /** Longer runs of larger sites, where short ones have no occasion. */
  readonly weeks?: string;
  readonly points?: string;
}

export const PLANTED: readonly Fault[] = [
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
    name: 'the doubled autumn hour is swapped',
    file: 'drivers/mbus/stamp.ts',
    from: 'if (value.summer) return { place, twice, early, late: early };',
    to: 'if (value.summer) return { place, twice, early: late, late };',
    faults: 'none',
  },
  {
    name: "another unit's answer is believed (Modbus)",
    file: 'drivers/modbus/framing.ts',
    from: 'if (frame.unit !== unit) return',
    to: 'if (frame.unit < 0) return',
    faults: 'line',
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
    name: 'a frozen index is not used',
    file: 'src/profile/boundary.ts',
    from: 'if (stored && isCredible(stored)) {',
    to: 'if (stored && !stored && isCredible(stored)) {',
    faults: 'none',
  },
  {
    name: "a meter's wrong clock is believed",
    file: 'src/collect/readings.ts',
    from: 'Math.abs(clockOffsetMs) > clockOffMsMax + uncertaintyMs;',
    to: 'Math.abs(clockOffsetMs) > 1e12;',
    faults: 'meter-clock-wrong',
    weeks: '1.5',
  },
  {
    name: "that a meter's clock was seen off is forgotten at a restart",
    file: 'src/app/round-keeper.ts',
    from: 'doubt: kept ? doubtFrom(kept) : NO_DOUBT, kept',
    to: 'doubt: kept && !kept ? doubtFrom(kept) : NO_DOUBT, kept',
    faults: 'meter-clock-unseen',
    weeks: '1',
    points: '1',
  },
  {
    name: 'nobody looks which meter told an index',
    file: 'src/collect/meter-history.ts',
    from: 'if (since === undefined) return',
    to: 'if (since !== Number.NaN) return',
    faults: 'meter-exchanged',
  },
  {
    name: 'what a new meter froze elsewhere is believed',
    file: 'src/collect/meter-history.ts',
    from: "source === 'stored' && at < since;",
    to: "source === 'stored' && at < since - 1e12;",
    faults: 'meter-exchanged',
  },
  {
    name: 'a sample is stamped with the end of the exchange',
    file: 'src/collect/readings.ts',
    from: 'const at = Math.round((from + to) / 2);',
    to: 'const at = to;',
    faults: 'late',
  },
  {
    name: 'the checksum of Modbus RTU is not looked at',
    file: 'drivers/modbus/rtu.ts',
    from: 'if (crc !== sent) {',
    to: 'if (crc !== sent && bytes.length < 0) {',
    faults: 'noise',
  },
  {
    name: 'the checksum of M-Bus is not looked at',
    file: 'drivers/mbus/frame.ts',
    from: 'if (found !== expected) {',
    to: 'if (found !== expected && bytes.length < 0) {',
    faults: 'noise',
  },
  {
    name: "another request's answer is believed (Modbus TCP)",
    file: 'drivers/modbus/tcp.ts',
    from: 'if (parsed.transaction !== transaction) {',
    to: 'if (parsed.transaction < 0) {',
    faults: 'line',
  },
  {
    name: 'no silence after a time-out',
    file: 'src/collect/dialogue.ts',
    from: 'talk.strayBytes += await line.drain(rules.lateAnswerMs, DRAIN_MOST * rules.lateAnswerMs, signal);\n  if (rules.reopenAfterTimeout) await line.close();',
    to: '',
    faults: 'late',
  },
  {
    name: 'a rollover counts one too many',
    file: 'src/core/counter.ts',
    from: 'const across = add(straight, rollover);',
    to: 'const across = add(add(straight, rollover), { coefficient: 1n, exponent: 0 });',
    faults: 'none',
  },
  {
    name: 'units are converted the wrong way',
    file: 'src/core/quantity.ts',
    from: 'UNITS[from].power - UNITS[to].power',
    to: 'UNITS[to].power - UNITS[from].power',
    faults: 'none',
  },
  {
    name: 'the multiplier is forgotten',
    file: 'src/profile/interval.ts',
    from: 'publishedValue(plan, span, multiply(counted, multiplier), state, findings)',
    to: 'publishedValue(plan, span, counted, state, findings)',
    faults: 'none',
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
    name: "a meter's alarm is not told",
    file: 'src/profile/interval.ts',
    from: "  'meter-alarm',\n  'meter-disturbed',",
    to: "  'meter-disturbed',",
    faults: 'meter-alarm',
  },
  {
    name: "a Modbus meter's status bit is not looked at",
    file: 'drivers/modbus/flags.ts',
    from: 'return (((high << 8) | low) >> bit) & 1;',
    to: 'return (((high << 8) | low) >> bit) & 0;',
    faults: 'meter-flag',
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
    from: 'if (id <= lastId || isFree || marketDaySpan(commodity, day, zone).end > heldUntil) return undefined;',
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
