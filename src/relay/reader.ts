import { MINUTE_MS, type Span } from '../core/time.ts';
import type { DocumentRead, DocumentReader, DocumentSaid } from '../machine/reader.ts';
import type { Codec } from '../machine/signer.ts';
import { type FormatPack, packId } from '../message/pack.ts';
import { type ReadDocument, readDocument } from '../message/read.ts';
import { unpacked } from '../uplink/relay/frame.ts';

/** The work itself, done where it is called: what a thread of its own runs, and what tests and imagined centres use. */
export function plainReader(packs: Iterable<FormatPack>, zone: string, codec: Codec): DocumentReader {
  const byId = new Map(Array.from(packs, (pack) => [packId(pack), pack]));
  return {
    async read(packed, packName): Promise<DocumentRead> {
      const xml = unpacked(packed, codec);
      if (xml === undefined) return { kind: 'other' };
      const pack = byId.get(packName);
      if (!pack) return { kind: 'refused', why: `the relay has no pack ${packName}` };
      const read = readDocument(pack, xml, zone);
      return read.kind === 'refused' ? read : { kind: 'document', said: saidIn(read.document) };
    },
    close: async () => undefined,
  };
}

function saidIn({ id, sender, day, madeAt, corrects, rows }: ReadDocument): DocumentSaid {
  const points = [...new Set(rows.map(({ point }) => point))];
  let latest: Span | undefined;
  for (const { start, minutes } of rows) {
    const end = start + minutes * MINUTE_MS;
    if (!latest || end > latest.end) latest = { start, end };
  }
  return {
    id,
    sender,
    day,
    points,
    ...(latest && { latest }),
    ...(madeAt !== undefined && { madeAt }),
    ...(corrects !== undefined && { corrects }),
  };
}

/** A kilobyte each. */
const REMEMBERED_MAX = 1_024;

/**
 * Remembers what documents said, by the packed bytes themselves: a site that has no receipt yet sends the same bytes again, and
 * after a broker's restart thousands of sites do.
 */
export function rememberingReader(reader: DocumentReader, codec: Codec): DocumentReader {
  const remembered = new Map<string, DocumentRead>();
  return {
    async read(document, pack) {
      const key = `${codec.sha256(document.gzip)} ${document.sha256} ${pack}`;
      const known = remembered.get(key);
      if (known) return known;
      const read = await reader.read(document, pack);
      if (read.kind === 'document') remembered.set(key, read);
      const [oldest] = remembered.keys();
      if (remembered.size > REMEMBERED_MAX && oldest !== undefined) remembered.delete(oldest);
      return read;
    },
    close: () => reader.close(),
  };
}
