import { marketDaySpan, shiftDay } from '../../src/core/calendar.ts';
import { eicCheckCharacter, gs1CheckDigit } from '../../src/core/identifier.ts';
import type { Commodity } from '../../src/core/interval.ts';
import { HOUR_MS, MINUTE_MS, type UtcMs } from '../../src/core/time.ts';
import type { Park, ParkMeter } from '../../src/sim/meter/park.ts';

/** The demo's imagined sites. The park has three gas correctors and three electricity meters on three lines, every protocol once. */
export const ZONE = 'Europe/Prague';

export interface DemoLine {
  readonly id: string;
  readonly framing: 'mbus' | 'modbus-rtu' | 'modbus-tcp';
  readonly port: number;
}

export interface DemoSite {
  readonly name: string;
  readonly lines: readonly DemoLine[];
  readonly park: Park;
  /** The rehearsed stretch of time: a little before midnight to a little after the gas day's end. */
  readonly start: UtcMs;
  readonly end: UtcMs;
}

interface MeterPlan {
  readonly id: string;
  readonly name: string;
  readonly commodity: Commodity;
  readonly line: 'mbus' | 'rs485' | 'boiler-house';
  readonly model: string;
  readonly address: number;
  readonly serial?: string;
  readonly fullPerHour: number;
  readonly startIndex: number;
  readonly stores: boolean;
  /** Blocks of a Modbus map that the site loaded into the device. */
  readonly blocks?: Record<string, number>;
  readonly archive?: { readonly records: number };
}

/** Full loads in litres or watt-hours an hour. */
const METERS: readonly MeterPlan[] = [
  {
    id: 'corrector-main',
    name: 'Main gas supply',
    commodity: 'gas',
    line: 'mbus',
    model: 'generic/mbus-gas-corrector',
    address: 1,
    serial: '00417321',
    fullPerHour: 320_000,
    startIndex: 81_234_567,
    stores: true,
  },
  {
    id: 'corrector-paint-shop',
    name: 'Paint shop',
    commodity: 'gas',
    line: 'mbus',
    model: 'generic/mbus-gas-corrector',
    address: 2,
    serial: '00417322',
    fullPerHour: 90_000,
    startIndex: 12_000_003,
    stores: true,
  },
  {
    id: 'corrector-boilers',
    name: 'Boiler house',
    commodity: 'gas',
    line: 'rs485',
    model: 'generic/modbus-gas-corrector',
    address: 5,
    fullPerHour: 210_000,
    startIndex: 987_654_321,
    stores: true,
    blocks: { current: 100, 'last-hour': 200, archive: 1000 },
    archive: { records: 48 },
  },
  {
    id: 'meter-hall-1',
    name: 'Hall 1',
    commodity: 'electricity',
    line: 'mbus',
    model: 'generic/mbus-electricity-meter',
    address: 3,
    serial: '12082058',
    fullPerHour: 240_000,
    startIndex: 98_765_432,
    stores: true,
  },
  {
    id: 'meter-hall-2',
    name: 'Hall 2',
    commodity: 'electricity',
    line: 'rs485',
    model: 'eastron/sdm630',
    address: 6,
    fullPerHour: 160_000,
    startIndex: 5_123_456,
    stores: false,
  },
  {
    id: 'meter-offices',
    name: 'Offices',
    commodity: 'electricity',
    line: 'boiler-house',
    model: 'abb/b23',
    address: 1,
    fullPerHour: 45_000,
    startIndex: 44_010_990,
    stores: false,
  },
];

const FRAMINGS = { mbus: 'mbus', rs485: 'modbus-rtu', 'boiler-house': 'modbus-tcp' } as const;
export const LINE_IDS = Object.keys(FRAMINGS) as (keyof typeof FRAMINGS)[];

/** Long enough that every meter has been read before midnight even on a slow machine. */
const LEAD_MS = 60 * MINUTE_MS;
const TAIL_MS = 20 * MINUTE_MS;
/** Frozen values and archives reach back before the first reading. */
const HISTORY_MS = 72 * HOUR_MS;
const SEEDS_APART = 1_000_000;

export interface SitePlan {
  readonly name: string;
  /** Told apart by it: the point codes and the loads of two sites differ. */
  readonly number: number;
  readonly meters: readonly string[];
}

export const DEMO_PARK: SitePlan = { name: 'demo-park', number: 0, meters: METERS.map(({ id }) => id) };

/** What the demo shows with a relay: the whole park and two smaller sites, each with both commodities. */
export const THREE_SITES: readonly SitePlan[] = [
  DEMO_PARK,
  { name: 'paint-works', number: 1, meters: ['corrector-paint-shop', 'meter-hall-1'] },
  { name: 'cold-store', number: 2, meters: ['corrector-boilers', 'meter-hall-2'] },
];

/** @param ports one for each of LINE_IDS */
export function demoSite(day: string, seed: number, ports: readonly number[], plan: SitePlan = DEMO_PARK): DemoSite {
  const electricity = marketDaySpan('electricity', day, ZONE);
  const gas = marketDaySpan('gas', day, ZONE);
  const meters = METERS.map((meter, n) => parkMeterOf(meter, n, plan.number)).filter(({ device }) =>
    plan.meters.includes(device.id),
  );
  const lines = LINE_IDS.map((id, n) => ({ id, framing: FRAMINGS[id], port: ports[n]! })).filter(({ id }) =>
    meters.some(({ device }) => device.line === id),
  );
  const park: Park = {
    seed: seed + SEEDS_APART * plan.number,
    zone: ZONE,
    start: electricity.start - HISTORY_MS,
    meters,
  };
  return { name: plan.name, lines, park, start: electricity.start - LEAD_MS, end: gas.end + TAIL_MS };
}

/** How many intervals of the day the operator is to have: a gas hour is its volume and its energy. */
export function expectedRows({ park }: DemoSite, day: string): number {
  return park.meters.reduce((sum, { commodity, minutes }) => {
    const { start, end } = marketDaySpan(commodity, day, ZONE);
    return sum + ((end - start) / MINUTE_MS / minutes) * (commodity === 'gas' ? 2 : 1);
  }, 0);
}

function parkMeterOf(plan: MeterPlan, n: number, siteNumber: number): ParkMeter {
  const { id, model, line, address, serial, commodity, fullPerHour, startIndex, stores } = plan;
  return {
    device: {
      id,
      model,
      line,
      address,
      ...(serial ? { serial } : {}),
      multiplier: [],
      blocks: plan.blocks ?? {},
      ...(plan.archive ? { archive: plan.archive } : {}),
    },
    framing: FRAMINGS[line],
    point: pointCode(commodity, siteNumber, n),
    commodity,
    serial: serial ?? '0',
    fullPerHour,
    startIndex,
    stores,
    minutes: commodity === 'gas' ? 60 : 15,
  };
}

/** Codes with a right check digit in the form of real ones; no such points exist. */
function pointCode(commodity: Commodity, siteNumber: number, n: number): string {
  return commodity === 'gas' ? eic(`27ZG500DEMO00${siteNumber}${n}`) : gs1(`859182400990000${siteNumber}${n}`);
}

/** The market participants in whose name the sites' messages go. */
export const SENDERS = { gas: eic('27XODECET-DEMO0'), electricity: gs1('859182409900') };

function eic(payload: string): string {
  const check = eicCheckCharacter(payload);
  if (check === undefined) throw new RangeError(`${payload} has no check character`);
  return payload + check;
}

function gs1(payload: string): string {
  return payload + gs1CheckDigit(payload);
}

/** The gateway's site file. Files are named relative to it. */
export function siteFile(demo: DemoSite, day: string, sandboxPort: number): object {
  return { ...meteringFile(demo, day), uplink: { kind: 'direct', ...operatorConfig(sandboxPort), retry: RETRY } };
}

/** The site file without its uplink. */
export function meteringFile({ name, lines, park }: DemoSite, day: string): object {
  return {
    site: name,
    zone: ZONE,
    lines: lines.map(({ id, framing, port }) => ({ id, kind: 'tcp', host: '127.0.0.1', port, framing })),
    devices: park.meters.map(({ device: { id, model, line, address, serial, blocks, archive } }) => ({
      id,
      model,
      line,
      address,
      ...(serial === undefined ? {} : { serial }),
      ...(Object.keys(blocks).length > 0 ? { blocks } : {}),
      ...(archive === undefined ? {} : { archive }),
    })),
    points: park.meters.map(({ point, commodity, device }) => ({
      code: point,
      name: METERS.find(({ id }) => id === device.id)!.name,
      commodity,
      metering: 'A',
      device: device.id,
      from: day,
      capacity: '500',
    })),
    market: {
      gas: {
        sender: { id: SENDERS.gas, codingScheme: '15' },
        receiver: { id: '27XGOTE-CZ-GAS-R', codingScheme: '15' },
        pack: 'ote/gasdat',
      },
      electricity: {
        sender: { id: SENDERS.electricity, codingScheme: '14' },
        receiver: { id: '8591824000007', codingScheme: '14' },
        pack: 'ote/cdsdata',
      },
    },
    combustionHeat: [-1, 0, 1].map((days) => ({ day: shiftDay(day, days), kWhPerM3: '10.6649' })),
    // The wall runs a thousand times faster here, so a blink of the machine looks like minutes.
    collect: { everyMs: 5 * MINUTE_MS, backoff: { firstMs: 100, mostMs: 1_000 } },
    profile: { clockOffMsMax: 2 * HOUR_MS, sampleGapMsMax: 3 * HOUR_MS },
    storage: { folder: 'state' },
  };
}

export const RETRY = { firstMs: 200, mostMs: 2_000 };

/** The way to the operator's stand-in, of a gateway or of the relay. */
export function operatorConfig(sandboxPort: number): object {
  return {
    environment: 'sandbox',
    url: `https://127.0.0.1:${sandboxPort}/CDSService`,
    tls: { certificate: 'keys/gateway-tls.crt', key: 'keys/gateway-tls.key', trust: ['keys/authority.crt'] },
    seal: { certificate: 'keys/gateway-seal.crt', key: 'keys/gateway-seal.key' },
    operatorCertificates: ['keys/operator-seal.crt'],
    answerWithinMs: 10_000,
    timestampWindowMs: 2 * HOUR_MS,
  };
}

/** The operator's stand-in. */
export function sandboxFile(sites: readonly DemoSite[], port: number, packs: string): object {
  return {
    port,
    folder: 'sandbox',
    zone: ZONE,
    tls: {
      certificate: 'keys/operator-tls.crt',
      key: 'keys/operator-tls.key',
      clientAuthorities: ['keys/authority.crt'],
    },
    seal: { certificate: 'keys/operator-seal.crt', key: 'keys/operator-seal.key' },
    trustedSeals: ['keys/gateway-seal.crt'],
    packs,
    timestampWindowMs: 2 * HOUR_MS,
    points: sites.flatMap(({ park }) =>
      park.meters.map(({ point, commodity, minutes }) => ({ code: point, commodity, minutes })),
    ),
  };
}
