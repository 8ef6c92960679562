import { describe, expect, it } from 'vitest';
import { decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { HOUR_MS } from '../core/time.ts';
import { energyInterval } from './energy.ts';
import { type ChannelPlan, type CounterEdges, makeInterval, missingInterval, sameContent } from './interval.ts';
import { boundary, COUNTER, edges, HOUR, PLAN } from './profile.testkit.ts';

const make = (found: readonly CounterEdges[], plan: ChannelPlan = PLAN) => makeInterval(plan, HOUR, found, 7, 1);
const told = ({ value, quality, findings }: ReturnType<typeof make>) => [
  value && decimalText(value),
  quality,
  ...findings,
];

describe('an interval', () => {
  it('is the difference of two frozen indexes, and names them', () => {
    const interval = make(edges('100.000', '117.250'));
    expect(told(interval)).toEqual(['17.250', 'measured']);
    expect(interval).toMatchObject({ ...HOUR, unit: 'm3', version: 1, madeAt: 7 });
    expect(interval.origins).toEqual([
      {
        device: 'corrector',
        quantity: 'volume.base.total',
        from: { at: HOUR.start, index: parseDecimal('100.000'), source: 'stored', readings: [HOUR.start] },
        to: { at: HOUR.end, index: parseDecimal('117.250'), source: 'stored', readings: [HOUR.end] },
      },
    ]);
  });

  it('is computed when an edge is', () => {
    const [edge] = edges('100', '110');
    const interpolated = boundary(HOUR.end, '110', { source: 'interpolated' });
    expect(told(make([{ ...edge!, to: interpolated }]))).toEqual(['10', 'computed']);
  });

  it.each([
    ['100 m3/h: the connected capacity', '0', '100', ['100', 'measured']],
    ['above it', '0', '100.001', ['100.001', 'measured', 'spike']],
    ['120 %', '0', '120', ['120', 'measured', 'spike']],
    ['above 120 %', '0', '120.001', [undefined, 'missing', 'capacity-exceeded']],
    ['a reset', '5000', '3', [undefined, 'missing', 'counter-reset']],
    ['a step back', '5000', '4999.999', [undefined, 'missing', 'negative']],
    ['standing still', '5000', '5000', ['0', 'measured']],
  ])('%s', (_, from, to, expected) => {
    expect(told(make(edges(from, to)))).toEqual(expected);
  });

  it('is a spike beyond the stated percent of the capacity, and not at it', () => {
    const plan = { ...PLAN, spikePercent: 80 };
    expect(told(make(edges('0', '80.000'), plan))).toEqual(['80.000', 'measured']);
    expect(told(make(edges('0', '80.001'), plan))).toEqual(['80.001', 'measured', 'spike']);
  });

  it('of several counters may hold no more than one counter may', () => {
    const [undisturbed, disturbed] = [edges('0', '60'), edges('0', '60.001')];
    expect(told(make([...undisturbed, ...undisturbed]))).toEqual(['120', 'measured', 'spike']);
    expect(told(make([...undisturbed, ...disturbed]))).toEqual([undefined, 'missing', 'capacity-exceeded']);
  });

  it('passes the last digit where the advance is within the capacity, and says so', () => {
    const rollover = decimal(100_000);
    expect(told(make(edges('99995', '12', { rollover })))).toEqual(['17', 'measured', 'rolled-over']);
    expect(told(make(edges('99000', '12', { rollover })))).toEqual([undefined, 'missing', 'counter-reset']);
  });

  it('takes the multiplier that holds, also for the limit', () => {
    const multipliers = [
      { from: HOUR.start - HOUR_MS, value: decimal(40) },
      { from: HOUR.start, value: decimal(80) },
      { from: HOUR.end, value: decimal(160) },
    ];
    const plan = { ...PLAN, multipliers };
    expect(told(make(edges('0', '1.5'), plan))).toEqual(['120.0', 'measured', 'multiplier-changed', 'spike']);
    expect(make(edges('0', '1.5'), plan).multiplier).toEqual(decimal(80));
    expect(make(edges('0', '1.5'))).not.toHaveProperty('multiplier');
    expect(make(edges('5', '1.6'), plan)).not.toHaveProperty('multiplier');
    expect(told(make(edges('0', '1.6'), plan))).toEqual([
      undefined,
      'missing',
      'multiplier-changed',
      'capacity-exceeded',
    ]);
  });

  it('refuses what a multiplier changed in, and what came before the first that is stated', () => {
    const multipliers = [
      { from: 0, value: decimal(2) },
      { from: HOUR.start + 1, value: decimal(3) },
    ];
    expect(told(make(edges('0', '1'), { ...PLAN, multipliers }))).toEqual([undefined, 'missing', 'multiplier-mixed']);
    const later = [{ from: HOUR.end, value: decimal(2) }];
    expect(told(make(edges('0', '1'), { ...PLAN, multipliers: later }))).toEqual([
      undefined,
      'missing',
      'multiplier-unknown',
    ]);
  });

  it('adds undisturbed and disturbed volume, each in its own unit, and needs both', () => {
    const disturbed = {
      counter: { ...COUNTER, quantity: 'volume.base.disturbed' as const, unit: 'l' as const },
      from: boundary(HOUR.start, '100'),
      to: boundary(HOUR.end, '350'),
    };
    const both = make([...edges('10', '12'), disturbed]);
    expect(told(both)).toEqual(['2.250', 'measured']);
    expect(both.origins.map(({ quantity }) => quantity)).toEqual(['volume.base.total', 'volume.base.disturbed']);
    const reset = { ...disturbed, to: boundary(HOUR.end, '1') };
    expect(told(make([...edges('10', '12'), reset]))).toEqual([undefined, 'missing', 'negative']);
  });

  it('is flagged by what the meter said at its end, not at its start', () => {
    const [edge] = edges('10', '12');
    const from = boundary(HOUR.start, '10', { flags: ['alarm'] });
    const to = boundary(HOUR.end, '12', { flags: ['power-failed', 'low-battery'] });
    expect(told(make([{ ...edge!, from, to }]))).toEqual(['2', 'flagged', 'meter-power-failed', 'meter-battery-low']);
    const battery = boundary(HOUR.end, '12', { flags: ['low-battery'] });
    expect(told(make([{ ...edge!, to: battery }]))).toEqual(['2', 'measured', 'meter-battery-low']);
  });

  it('says on both sides that a frozen index was passed over', () => {
    const [edge] = edges('10', '12');
    const from = boundary(HOUR.start, '10', { source: 'interpolated', flags: ['clock-invalid'] });
    expect(told(make([{ ...edge!, from }]))).toEqual(['2', 'computed', 'clock-not-credible']);
  });

  it('says nothing new when only the version and the time differ', () => {
    const one = make(edges('0', '1'));
    expect(sameContent(one, { ...one, version: 2, madeAt: 9 })).toBe(true);
    for (const change of [{ value: decimal(2) }, { quality: 'flagged' as const }, { findings: ['spike'] }, { end: 1 }])
      expect(sameContent(one, { ...one, ...change })).toBe(false);
  });
});

describe('conversion from operating conditions', () => {
  const conversion = { method: 'fixed' as const, ratio: parseDecimal('0.99') };
  const plan = { ...PLAN, conversion };
  const read = { pressureReadings: 60, temperatureReadings: 0 };
  const state = { pressureKPa: parseDecimal('401.2'), temperatureC: parseDecimal('11.4'), ...read };
  const convert = (to: string, given: typeof state | undefined = state) =>
    makeInterval(plan, HOUR, edges('0', to), 7, 1, { state: given });

  it('is by p, T and K, and says so', () => {
    // 10 x 401.2/101.325 x 288.15/284.55 / 0.99 = 40.50127...
    expect(told(convert('10'))).toEqual(['40.501', 'computed', 'converted-fixed']);
  });

  it('keeps what it was by', () => {
    const base = { pressureKPa: parseDecimal('101.325'), temperatureC: decimal(15) };
    expect(convert('10').conversion).toEqual({ method: 'fixed', ...state, ratio: parseDecimal('0.99'), base });
  });

  it('is held against the capacity after conversion, and says with what', () => {
    expect(told(convert('29.7'))).toEqual([undefined, 'missing', 'capacity-exceeded']);
    expect(convert('29.7').conversion).toMatchObject(state);
  });

  it('is not said of what was refused before it', () => {
    const reset = makeInterval(plan, HOUR, edges('5000', '3'), 7, 1, { state });
    expect(told(reset)).toEqual([undefined, 'missing', 'counter-reset']);
    expect(reset).not.toHaveProperty('conversion');
  });

  it('is refused without pressure and temperature, and outside the range of SGERG-88', () => {
    expect(told(makeInterval(plan, HOUR, edges('0', '1'), 7, 1))).toEqual([undefined, 'missing', 'no-conversion']);
    const gas = { superiorHeatMJ: 40.66, relativeDensity: 0.581, carbonDioxide: 0.006, hydrogen: 0 };
    const bySgerg = { ...PLAN, conversion: { method: 'sgerg-88' as const, gas } };
    const at = (pressureKPa: string) =>
      makeInterval(bySgerg, HOUR, edges('0', '1'), 7, 1, {
        state: { ...state, pressureKPa: parseDecimal(pressureKPa) },
      });
    expect(told(at('101.325'))).toEqual(['1.013', 'computed', 'converted-sgerg-88']);
    expect(at('101.325').conversion).toMatchObject({ gas, ratio: parseDecimal('0.99990') });
    expect(told(at('20000'))).toEqual([undefined, 'missing', 'no-conversion']);
    expect(at('20000').conversion).toMatchObject({ gas, pressureKPa: decimal(20_000) });
    expect(at('20000').conversion).not.toHaveProperty('ratio');
  });
});

describe('a conversion of what no gas can be', () => {
  const plan = { ...PLAN, conversion: { method: 'fixed' as const, ratio: decimal(1) } };
  it.each([
    ['-50', '15'],
    ['0', '15'],
    ['200', '-300'],
    ['200', '-273.15'],
  ])('is refused at %s kPa and %s °C', (pressure, temperature) => {
    const read = { pressureReadings: 1, temperatureReadings: 1 };
    const state = { pressureKPa: parseDecimal(pressure), temperatureC: parseDecimal(temperature), ...read };
    expect(told(makeInterval(plan, HOUR, edges('0', '10'), 7, 1, { state }))).toEqual([
      undefined,
      'missing',
      'no-conversion',
    ]);
  });
});

describe('energy', () => {
  const volume = make(edges('0', '17.25'));

  it('is base volume times combustion heat, exactly, and as good as the volume', () => {
    const energy = energyInterval(volume, parseDecimal('10.6649'), 3, 9);
    expect(energy).toMatchObject({ channel: 'energy', unit: 'kWh', version: 3, madeAt: 9, quality: 'measured' });
    expect(decimalText(energy.value!)).toBe('183.969525');
    expect(energy.origins).toEqual(volume.origins);
  });

  it('is missing where the volume is', () => {
    const missing = missingInterval(PLAN, HOUR, 'no-reading', 7, 1);
    const energy = energyInterval(missing, decimal(10), 1, 9);
    expect(energy.value).toBeUndefined();
    expect(energy).toMatchObject({ quality: 'missing', findings: ['no-reading'] });
  });
});
