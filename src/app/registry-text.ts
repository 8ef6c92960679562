import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { OdecetError } from '../core/failure.ts';
import { readRegistry, registryOf, type SiteLine } from '../relay/registry.ts';

type Line = Omit<SiteLine, 'revoked'>;
type Changes = { readonly [K in Exclude<keyof SiteLine, 'site'>]?: SiteLine[K] | undefined };

/** The registry as a text that is changed: what people wrote beside the lines stays. Each change gives the whole new text. */
export interface RegistryText {
  /** One that no site has or ever had; revoked sites keep theirs. */
  nextNumber(): number;
  /** Throws OdecetError usage when there is no such site. */
  lineOf(site: string): SiteLine;
  /** Of the others, the sites that have this point and a sender in common. */
  ownersOf(point: string, site: string, senders: readonly string[]): readonly string[];
  with(line: Line): string;
  /** What is undefined is taken out. Throws OdecetError usage when there is no such site. */
  change(site: string, values: Changes): string;
}

const NEW = '# Sites that may speak to this relay; odecet enroll adds them.\nsites: []\n';
const isJson = (text: string) => text.trimStart().startsWith('{');

/** Throws OdecetError site-invalid when what would be written is no registry; then nothing was changed. */
export async function openRegistryText(file: string): Promise<RegistryText> {
  const text = existsSync(file) ? await readFile(file, 'utf8') : NEW;
  const sites = linesOf(text, file);

  function placeOf(site: string): number {
    const place = sites.findIndex((line) => line.site === site);
    if (place < 0) throw new OdecetError('usage', `${file} has no site "${site}"`);
    return place;
  }

  function checked(changed: string): string {
    linesOf(changed, file);
    return changed;
  }

  return {
    nextNumber: () => 1 + sites.reduce((most, { number = 0 }) => Math.max(most, number), 0),
    lineOf: (site) => sites[placeOf(site)]!,
    ownersOf: (point, site, senders) =>
      registryOf(sites)
        .ownersOf(point)
        .filter((line) => line.site !== site && line.senders.some((sender) => senders.includes(sender)))
        .map((line) => line.site),
    with(line) {
      if (isJson(text)) return checked(jsonText([...sites, line]));
      const document = parseDocument(text);
      if (!document.has('sites')) document.set('sites', []);
      document.addIn(['sites'], document.createNode(line));
      return checked(document.toString());
    },
    change(site, values) {
      const place = placeOf(site);
      // JSON leaves out what is undefined.
      if (isJson(text)) return checked(jsonText(sites.map((line, n) => (n === place ? { ...line, ...values } : line))));
      const document = parseDocument(text);
      for (const [key, value] of Object.entries(values))
        if (value === undefined) document.deleteIn(['sites', place, key]);
        else document.setIn(['sites', place, key], value);
      return checked(document.toString());
    },
  };
}

function linesOf(text: string, file: string): readonly SiteLine[] {
  const read = readRegistry(text, file);
  if (read.kind === 'problems') throw new OdecetError('site-invalid', read.text);
  return read.registry.sites;
}

/** A site to a line, so that a difference shows what was changed. */
function jsonText(sites: readonly object[]): string {
  return `{"sites": [\n${sites.map((line) => JSON.stringify(line)).join(',\n')}\n]}\n`;
}
