import { marketDaySpan, shiftDay } from '../../core/calendar.ts';
import { eicCheckCharacter, gs1CheckDigit } from '../../core/identifier.ts';
import type { Commodity } from '../../core/interval.ts';
import type { Quantity } from '../../core/quantity.ts';
import { HOUR_MS, isoUtc, type MarketDay, type UtcMs } from '../../core/time.ts';
import type { BoundDevice } from '../../device/bound.ts';
import type { LineConfig } from '../../device/line-config.ts';
import type { DeviceModel } from '../../device/model.ts';
import { type PointConfig, type Site, siteSchema } from '../../device/site.ts';
import type { FormatPack } from '../../message/pack.ts';
import { createLoad } from '../../sim/meter/load.ts';
import type { Park, ParkMeter } from '../../sim/meter/park.ts';
import type { Random } from '../../sim/random.ts';
import { KINDS, type Kind, MODBUS_GAS } from './kinds.ts';
import { OPERATING_FACTOR_MOST, OPERATING_POINT } from './operating.ts';
import { formatPacks, modelOf, withStatusBit } from './shipped-files.ts';

/** A whole site out of a seed: what the gateway is told, and what really stands there. */
export interface ImaginedSite {
  readonly site: Site;
  readonly devices: ReadonlyMap<string, BoundDevice>;
  readonly packs: ReadonlyMap<Commodity, FormatPack>;
  readonly park: Park;
  readonly meters: readonly ImaginedMeter[];
}

/** A meter of the site with what a judge must know of it. */
export interface ImaginedMeter extends ParkMeter {
  readonly model: DeviceModel;
  /** The index after which it shows zero again, litres or watt-hours. */
  readonly rollsOverAt?: number;
  /** So many litres or watt-hours the shown index may be off the true one: coarse registers, single floats. */
  readonly resolution: number;
  /** Frozen periods that can still be asked for; 0 where the meter freezes nothing. */
  readonly periodsKept: number;
  /** Requests of one dialogue that reads its present state. */
  readonly exchanges: number;
  readonly multipliers: readonly { readonly from: UtcMs; readonly value: number }[];
  /** The counter that the point is billed by. */
  readonly quantity: Quantity;
  /** Gas at operating conditions, which the gateway converts. */
  readonly isOperating: boolean;
  /** What the site file allows to be estimated; nothing where it is left out. */
  readonly estimation?: PointConfig['estimation'];
}

const ZONE = 'Europe/Prague';
/** A meter fills it within two or three days. */
const SMALL_DISK_BYTES = 250_000;
/** So short that samples are given up even in a short run. */
const SAMPLES_DAYS = 2;
/** In runs that are longer everything else is kept no longer than a site file must say. */
const LONG_DAYS = 70;
const LEAST_KEPT = { readingsDays: 45, intervalsDays: 60, messagesDays: 60 };
/** Archives reach back before the first reading, and a wrong clock may ask for what was before that. */
const HISTORY_MS = 20 * 24 * HOUR_MS;

export interface SiteWish {
  readonly seed: number;
  readonly points: number;
  /** Every electricity point hourly; else quarter-hourly or hourly by chance. */
  readonly hourly: boolean;
  readonly start: UtcMs;
  readonly days: number;
  readonly firstDay: MarketDay;
  /** The declared size is smaller than a site file may say, so that it is reached within days. */
  readonly isDiskSmall: boolean;
  /** How often samples are taken between the boundaries. */
  readonly sampleEveryMs: number;
  /** A boundary is interpolated between samples no further apart. */
  readonly sampleGapMsMax: number;
  /** Records that the scrubber looks at. */
  readonly scrubPerSecond: number;
}

export function imagineSite(wish: SiteWish, random: Random): ImaginedSite {
  const { seed } = wish;
  const lines: ImaginedLine[] = [];
  const meters = Array.from({ length: wish.points }, (_, n) =>
    imagineMeter(n, KINDS[(n + seed) % KINDS.length]!, wish, lines, random),
  );
  const park: Park = { seed, zone: ZONE, start: wish.start - HISTORY_MS, meters };
  const parsed = siteSchema.parse(siteOf(meters, lines, wish));
  const storage = wish.isDiskSmall ? { ...parsed.storage, maxBytes: SMALL_DISK_BYTES * wish.points } : parsed.storage;
  const site = { ...parsed, storage };
  const devices = new Map(
    meters.map(({ device, model, framing }) => [device.id, { config: device, model, framing, zone: ZONE }]),
  );
  return { site, devices, packs: formatPacks(), park, meters };
}

/** The same site, but some of its meters have a status bit: the others are asked as ever, and what happens to them stays the same. */
export function withStatusBits(site: ImaginedSite, has: (meter: ImaginedMeter) => boolean): ImaginedSite {
  const meters = site.meters.map((meter) => (has(meter) ? { ...meter, model: withStatusBit(meter.model) } : meter));
  const devices = new Map(
    meters.map(({ device, model }) => [device.id, { ...site.devices.get(device.id)!, model }] as const),
  );
  return { ...site, meters, devices, park: { ...site.park, meters } };
}

function imagineMeter(n: number, kind: Kind, wish: SiteWish, lines: ImaginedLine[], random: Random): ImaginedMeter {
  const { commodity, framing, fullPerHour, resolution, range } = kind;
  const isModbusGas = kind.model === MODBUS_GAS;
  const isOperating = isModbusGas && random.fork(`operating ${n}`).chance(0.3);
  // Its archive has no operating volume.
  const periodsKept = isOperating ? 0 : kind.periodsKept;
  const line = lineFor(kind, lines);
  const serial = String(10_000_000 + random.below(89_999_999));
  const minutes = commodity === 'gas' || wish.hourly || random.chance(0.3) ? 60 : 15;
  const chance = random.fraction();
  const startIndex = range ? indexBeforeRollover(n, kind, range, wish, chance) : Math.floor(chance * 50_000_000);
  const changeAt = marketDaySpan('electricity', shiftDay(wish.firstDay, Math.ceil(wish.days / 2)), ZONE).start;
  const multipliers = kind.multiplier
    ? [
        { from: wish.start - HISTORY_MS, value: 40 },
        { from: changeAt, value: 60 },
      ]
    : [];
  return {
    device: {
      id: idOf(n),
      model: kind.model,
      line: line.id,
      address: n + 1,
      ...(kind.hasSerial && { serial }),
      multiplier: multipliers.map(({ from, value }) => ({ from: isoUtc(from), value: String(value) })),
      blocks: isModbusGas ? { current: 100, 'last-hour': 200, archive: 1000 } : {},
      ...(isModbusGas && { archive: { records: kind.periodsKept } }),
    },
    framing,
    point: pointCode(commodity, n),
    commodity,
    serial: kind.hasSerial ? serial : '0',
    fullPerHour,
    startIndex,
    stores: periodsKept > 0,
    minutes,
    model: modelOf(kind),
    ...(range && { rollsOverAt: range }),
    resolution,
    periodsKept,
    exchanges: kind.exchanges,
    multipliers,
    quantity: isOperating ? 'volume.operating.total' : INDEX[commodity],
    isOperating,
    ...(random.fork(`estimation ${n}`).chance(0.6) && { estimation: ESTIMATION }),
  };
}

const INDEX: Readonly<Record<Commodity, Quantity>> = {
  gas: 'volume.base.total',
  electricity: 'energy.active.import',
};

/** Gaps of half a day in equal shares; longer ones in the shape of the week before, where there is one. */
const ESTIMATION = { linearMinutesMax: 720, scaled: true, likeDay: true };

function idOf(n: number): string {
  return `meter-${n + 1}`;
}

/** The index at the beginning of the history from which the counter comes to its end within the run. */
function indexBeforeRollover(n: number, kind: Kind, range: number, wish: SiteWish, chance: number): number {
  const { commodity, fullPerHour } = kind;
  const start = wish.start - HISTORY_MS;
  const load = createLoad({
    seed: wish.seed,
    meter: idOf(n),
    commodity,
    zone: ZONE,
    start,
    startIndex: 0n,
    fullPerHour,
  });
  const crossing = wish.start + Math.floor(chance * Math.max(1, wish.days - 2) * 24 * HOUR_MS);
  return range - (Number(load.indexAt(crossing)) % range);
}

interface ImaginedLine {
  readonly id: string;
  readonly framing: LineConfig['framing'];
  meters: number;
}

/** Buses hold three meters each; a meter with a socket of its own has its own line. */
function lineFor({ framing }: Kind, lines: ImaginedLine[]): ImaginedLine {
  const last = lines.findLast((line) => line.framing === framing);
  const line =
    last && framing !== 'modbus-tcp' && last.meters < 3 ? last : { id: `line-${lines.length + 1}`, framing, meters: 0 };
  if (line !== last) lines.push(line);
  line.meters++;
  return line;
}

/** Codes with a right check digit in the form of real ones; no such points exist. */
function pointCode(commodity: Commodity, n: number): string {
  const number = String(n).padStart(4, '0');
  return commodity === 'gas' ? eic(`27ZG500SIM0${number}`) : gs1(`8591824009910${number}`);
}

function eic(payload: string): string {
  return payload + eicCheckCharacter(payload);
}

function gs1(payload: string): string {
  return payload + gs1CheckDigit(payload);
}

/** So many cubic metres or kilowatt-hours can one of the counter's be. */
function mostOf({ multipliers }: Pick<ImaginedMeter, 'multipliers'>, isOperating: boolean): number {
  return isOperating ? OPERATING_FACTOR_MOST : Math.max(1, ...multipliers.map(({ value }) => value));
}

function retentionOf({ days }: SiteWish) {
  return { samplesDays: SAMPLES_DAYS, ...(days > LONG_DAYS && LEAST_KEPT) };
}

function siteOf(meters: readonly ImaginedMeter[], lines: readonly ImaginedLine[], wish: SiteWish): unknown {
  const keys = { certificate: 'none.crt', key: 'none.key' };
  return {
    site: 'imagined-site',
    zone: ZONE,
    // Nothing is ever connected to.
    lines: lines.map(({ id, framing }) => ({ id, framing, kind: 'tcp', host: '127.0.0.1', port: 1 })),
    devices: meters.map(({ device }) => device),
    points: meters.map(({ point, commodity, device, minutes, estimation, isOperating, ...meter }) => ({
      code: point,
      commodity,
      metering: 'A',
      device: device.id,
      minutes,
      capacity: String(Math.ceil((meter.fullPerHour * 1.4 * mostOf(meter, isOperating)) / 1000)),
      ...(isOperating && OPERATING_POINT),
      ...(estimation && { estimation }),
    })),
    market: {
      gas: {
        sender: { id: eic('27XODECET-SIM00'), codingScheme: '15' },
        receiver: { id: '27XGOTE-CZ-GAS-R', codingScheme: '15' },
        pack: 'ote/gasdat',
      },
      electricity: {
        sender: { id: gs1('859182409900'), codingScheme: '14' },
        receiver: { id: '8591824000007', codingScheme: '14' },
        pack: 'ote/cdsdata',
      },
    },
    collect: { everyMs: wish.sampleEveryMs },
    profile: { sampleGapMsMax: wish.sampleGapMsMax },
    storage: { scrubPerSecond: wish.scrubPerSecond, retention: retentionOf(wish) },
    uplink: {
      kind: 'direct',
      environment: 'sandbox',
      url: 'https://operator.invalid/CDSService',
      tls: { ...keys, trust: ['none.crt'] },
      seal: keys,
      operatorCertificates: ['none.crt'],
    },
  };
}
