import { marketDayOf, marketDaySpan } from '../../core/calendar.ts';
import { decimal } from '../../core/decimal.ts';
import { CHANNEL_UNIT, type Interval } from '../../core/interval.ts';
import { cut } from '../../core/schedule.ts';
import type { MarketDay, UtcMs } from '../../core/time.ts';
import type { Site } from '../../device/site.ts';
import type { Folder } from '../../machine/folder.ts';
import { makeDocument } from '../../message/document.ts';
import { type FormatPack, loadPack, packId, packProblemText } from '../../message/pack.ts';
import { readDocument } from '../../message/read.ts';
import type { CommandBody } from '../../uplink/relay/command-bodies.ts';
import type { Performed } from '../../uplink/relay/command-taker.ts';
import { everyPack, laterPackFile, type SitePacks } from '../packs.ts';
import type { PointPlan } from '../plan.ts';

export interface TakePackParts {
  readonly site: Site;
  readonly packs: SitePacks;
  readonly points: readonly PointPlan[];
  /** That of the site file. */
  readonly folder: Folder;
  readonly now: UtcMs;
}

const TRIAL_ID = `${'0'.repeat(13)}1`;

/**
 * Keeps a format pack for messages that are made from a date on. What was made before stays as it is, with the pack that made
 * it. It has to be newer than every pack of its name that the site has, and to make a document of an imagined day of the site's
 * points that reads back as what went in.
 */
export async function takePack(parts: TakePackParts, body: CommandBody<'pack'>): Promise<Performed> {
  const { site, packs, folder, now } = parts;
  const loaded = loadPack(body.text, `${body.pack}.yaml`);
  if (loaded.kind === 'problems') return no(packProblemText(loaded.problems));
  const { pack } = loaded;
  const market = site.market[pack.commodity];
  if (market?.pack !== body.pack)
    return no(`the site uses ${market ? `"${market.pack}"` : 'no pack'} for ${pack.commodity}, not "${body.pack}"`);
  const today = marketDayOf('electricity', now, site.zone);
  if (body.from <= today) return no(`it would take effect on ${body.from}; give a day after ${today}`);
  const place = laterPackFile(body.pack, body.from);
  if ((await folder.readText(place)) === body.text) return done(pack, body.from);
  const after = packs.laterPacks?.get(pack.commodity)?.find(({ from }) => from > body.from);
  if (after) return no(`${packId(after.pack)} would follow it on ${after.from} already; give a day from that one on`);
  const current = packs.packs.get(pack.commodity);
  if (current && current.name !== pack.name) return no(`its name is "${pack.name}", the site's is "${current.name}"`);
  const newest = Math.max(
    ...everyPack(packs)
      .filter(({ name }) => name === pack.name)
      .map(({ version }) => version),
  );
  if (pack.version <= newest)
    return no(`the site has version ${newest} already; a changed pack needs a higher version`);
  if (site.uplink.environment === 'production' && pack.status !== 'verified')
    return no('it is not verified: in production every message made with it would be held');
  const fault = trialFault(parts, pack, body.from);
  if (fault !== undefined) return no(`a document of an imagined day: ${fault}`);
  await folder.write(place, body.text);
  return done(pack, body.from);
}

function done(pack: FormatPack, from: MarketDay): Performed {
  const detail = `${packId(pack)} makes the messages from ${from} on`;
  return { outcome: 'done', detail, result: { pack: packId(pack), from, status: pack.status } };
}

function no(detail: string): Performed {
  return { outcome: 'refused', reason: 'check-failed', detail };
}

/** What is wrong with a document that the pack makes of the site's points; undefined when it reads back as it went in. */
function trialFault({ site, points, now }: TakePackParts, pack: FormatPack, from: MarketDay): string | undefined {
  const { commodity } = pack;
  const { sender, receiver } = site.market[commodity]!;
  const here = points.filter((point) => point.commodity === commodity).slice(0, pack.pointsPerMessageMax);
  if (here.length === 0) return undefined;
  const request = {
    id: TRIAL_ID,
    madeAt: now,
    sender,
    receiver,
    zone: site.zone,
    commodity,
    day: from,
    points: here.map((point) => ({ code: point.code, channels: channelsOf(point, site, from, now) })),
  };
  const made = makeDocument(pack, request);
  if (made.kind === 'refused') return made.failure.detail;
  const read = readDocument(pack, made.xml, site.zone);
  if (read.kind === 'refused') return `it does not read back: ${read.why}`;
  const { document } = read;
  if (document.id !== TRIAL_ID || document.day !== from || document.sender !== sender.id)
    return 'it says another id, day or sender than it was made with';
  const given = request.points.flatMap(({ channels }) => Object.values(channels).flat());
  return document.rows.length === given.length
    ? undefined
    : `it has ${document.rows.length} intervals of ${given.length}`;
}

function channelsOf(point: PointPlan, site: Site, day: MarketDay, madeAt: UtcMs) {
  const spans = cut(marketDaySpan(point.commodity, day, site.zone), point.minutes);
  return Object.fromEntries(
    point.published.map((channel) => [
      channel,
      spans.map(
        (span, n): Interval => ({
          point: point.code,
          channel,
          ...span,
          value: decimal(n),
          unit: CHANNEL_UNIT[channel],
          quality: 'measured',
          findings: [],
          version: 1,
          madeAt,
          origins: [],
        }),
      ),
    ]),
  );
}
