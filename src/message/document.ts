import { type Failure, failure } from '../core/failure.ts';
import type { Carried } from '../core/message.ts';
import { type FormatPack, packId } from './pack.ts';
import { type PreparedPoint, preparePoint } from './prepare.ts';
import type { DocumentRequest } from './request.ts';
import { placeholdersIn } from './template.ts';
import { writeDocument } from './write.ts';

export type Made =
  | { readonly kind: 'document'; readonly xml: string; readonly carried: readonly Carried[] }
  | { readonly kind: 'refused'; readonly failure: Failure };

/** Splits points over as many messages as the pack's pointsPerMessageMax asks, in their order. */
export function splitPoints<T>(pack: FormatPack, points: readonly T[]): T[][] {
  const count = Math.ceil(points.length / pack.pointsPerMessageMax);
  return Array.from({ length: count }, (_, n) =>
    points.slice(n * pack.pointsPerMessageMax, (n + 1) * pack.pointsPerMessageMax),
  );
}

/**
 * Makes one market document of whole days. Refuses (`document-refused`, `message-too-large`) rather than leave out,
 * repeat or bend anything; the detail names the reasons.
 */
export function makeDocument(pack: FormatPack, request: DocumentRequest): Made {
  const complaints = requestComplaints(pack, request);
  const points =
    complaints.length > 0 ? [] : request.points.map((point) => preparePoint(pack, request, point, complaints));
  if (complaints.length > 0) return refused('document-refused', pack, request, inShort(complaints));
  const xml = writeDocument(pack, request, points);
  const bytes = new TextEncoder().encode(xml).length;
  if (bytes > pack.bytesMax)
    return refused(
      'message-too-large',
      pack,
      request,
      `${bytes} bytes, the pack allows ${pack.bytesMax}: lower its pointsPerMessageMax (${pack.pointsPerMessageMax})`,
    );
  return { kind: 'document', xml, carried: points.flatMap(carriedBy) };
}

function refused(code: 'document-refused' | 'message-too-large', pack: FormatPack, at: DocumentRequest, why: string) {
  return { kind: 'refused' as const, failure: failure(code, `${packId(pack)}, ${at.commodity} day ${at.day}: ${why}`) };
}

/** A day without any value would fill a page. */
const COMPLAINTS_SHOWN_MAX = 8;

function inShort(complaints: readonly string[]): string {
  const more = complaints.length - COMPLAINTS_SHOWN_MAX;
  const shown = complaints.slice(0, COMPLAINTS_SHOWN_MAX).join('; ');
  return more > 0 ? `${shown}; and ${more} more` : shown;
}

function requestComplaints(pack: FormatPack, request: DocumentRequest): string[] {
  const complaints: string[] = [];
  if (request.commodity !== pack.commodity) complaints.push(`the pack is for ${pack.commodity}`);
  for (const role of ['sender', 'receiver'] as const) {
    const { id, codingScheme } = request[role];
    if (codingScheme !== pack.codingScheme[role])
      complaints.push(`${role} ${id} has coding scheme ${codingScheme}, the pack wants ${pack.codingScheme[role]}`);
  }
  if (request.corrects !== undefined && !placeholdersIn(pack.document).has('correction.id'))
    complaints.push(`the pack cannot say that it corrects ${request.corrects}`);
  const codes = request.points.map(({ code }) => code);
  if (codes.length === 0) complaints.push('no points');
  if (codes.length > pack.pointsPerMessageMax)
    complaints.push(`${codes.length} points, the pack allows ${pack.pointsPerMessageMax} in a message`);
  for (const code of new Set(codes.filter((code, n) => codes.indexOf(code) !== n)))
    complaints.push(`point ${code} is there twice`);
  return complaints;
}

function carriedBy({ code, channels }: PreparedPoint): Carried[] {
  return channels.flatMap(({ channel, intervals }) =>
    intervals.map(({ interval: { start, version } }) => ({ point: code, channel, start, version })),
  );
}
