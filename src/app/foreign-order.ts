import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import type { Commodity } from '../core/interval.ts';
import { readYaml } from '../core/yaml.ts';
import { type FormatPack, loadPack, packId, packProblemText } from '../message/pack.ts';
import type { SiteLine } from '../relay/registry.ts';

/** Orders that a site would carry out well, and whose messages this centre would then refuse. */

const COMMODITIES = ['gas', 'electricity'] as const;
const textBody = z.object({ text: z.string() });

const marketSchema = z.looseObject({ sender: z.looseObject({ id: z.string() }), pack: z.string() });
/** Of a site file what this is about; everything else may be of another version of the program. */
const siteSchema = z.looseObject({
  site: z.string(),
  number: z.int().optional(),
  points: z.array(z.looseObject({ code: z.string() })),
  market: z.looseObject({ gas: marketSchema.optional(), electricity: marketSchema.optional() }),
});
type Site = z.output<typeof siteSchema>;

/** What the centre takes from sites. */
export interface CentreTakes {
  readonly packs: ReadonlyMap<string, FormatPack>;
  /** For whom it sends. */
  readonly senders: ReadonlySet<string>;
}

/** What the relay cannot read it would refuse from every site. Throws OdecetError pack-invalid. */
export function refuseForeignPack(body: string, { packs }: Pick<CentreTakes, 'packs'>): void {
  const loaded = loadPack(textOf(body), 'the pack');
  if (loaded.kind === 'problems') throw new OdecetError('pack-invalid', packProblemText(loaded.problems));
  const id = packId(loaded.pack);
  if (!packs.has(id))
    throw new OdecetError(
      'pack-invalid',
      `this relay has no ${id} and would refuse its messages; put it below "packs:" of relay.yaml and start the relay again`,
    );
}

/**
 * The intake's questions, asked of a site file before it is signed: number, senders, points and packs. Everything else the site
 * checks itself, with its own device files, also what is no site file at all. Throws OdecetError site-invalid.
 */
export function refuseForeignSite(body: string, line: SiteLine, takes: CentreTakes): void {
  const read = readYaml(textOf(body), 'the site file', siteSchema);
  if (read.kind === 'problems') return;
  const found = strangeIn(read.value, line, takes);
  if (found.length > 0)
    throw new OdecetError('site-invalid', `this relay would refuse the messages of that file: ${found.join('; ')}`);
}

function strangeIn(site: Site, line: SiteLine, takes: CentreTakes): string[] {
  const found: string[] = [];
  if (site.site !== line.site) found.push(`site: it is "${site.site}", the command goes to "${line.site}"`);
  if (line.number !== undefined && site.number !== undefined && site.number !== line.number)
    found.push(`number: it is ${site.number}, the registry says ${line.number}`);
  for (const { code } of site.points)
    if (line.points && !line.points.includes(code)) found.push(`points: the registry does not name ${code}`);
  for (const commodity of COMMODITIES) {
    const market = site.market[commodity];
    if (market) found.push(...strangeInMarket(commodity, market, line, takes));
  }
  return found;
}

function strangeInMarket(
  commodity: Commodity,
  { sender, pack }: z.output<typeof marketSchema>,
  line: SiteLine,
  takes: CentreTakes,
): string[] {
  const found: string[] = [];
  const at = `market.${commodity}`;
  if (!line.senders.includes(sender.id)) found.push(`${at}.sender: the registry does not name ${sender.id}`);
  if (!takes.senders.has(sender.id)) found.push(`${at}.sender: relay.yaml has no sender ${sender.id}`);
  if (![...takes.packs.values()].some((own) => own.commodity === commodity && isNamed(own, pack)))
    found.push(`${at}.pack: the relay has no pack "${pack}" for ${commodity} below "packs:" of relay.yaml`);
  return found;
}

/** A site names a pack by its file, `ote/gasdat`, the pack itself is `ote-gasdat`; whose version, only the site knows. */
function isNamed({ name }: FormatPack, named: string): boolean {
  const last = named.slice(named.lastIndexOf('/') + 1);
  return name === named.replaceAll('/', '-') || name === last || name.endsWith(`-${last}`);
}

function textOf(body: string): string {
  return textBody.parse(JSON.parse(body)).text;
}
