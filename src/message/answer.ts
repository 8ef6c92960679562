import type { MessageId, Reason, Receipt, Verdict } from '../core/message.ts';
import type { UtcMs } from '../core/time.ts';
import type { AnswerFamily, AnswerRow, FormatPack } from './pack.ts';
import { attributeOf, elements, readXml, textOf, type XmlElement } from './xml.ts';

/** UTF-8. No answer that OTE is known to give comes near this; what is longer goes to no site either. */
export const ANSWER_BYTES_MAX = 1_000_000;

/** `type` of the reasons that this program adds by itself; never an operator's. */
export const OWN_REASON_TYPE = 'odecet';

/**
 * Reads the operator's answer to message `sent`. Elements are told by namespace and local name, never by prefix: OTE
 * changed its prefixes in 2024 and 2026. The verdict comes from the pack's table alone: rejected when any reason is,
 * accepted when every reason is, else unknown; so is an answer that cannot be read or refers to another message.
 */
export function readAnswer(pack: FormatPack, xml: string, sent: MessageId, receivedAt: UtcMs): Receipt {
  const receipt = (verdict: Verdict, reasons: readonly Reason[]): Receipt => ({
    message: sent,
    verdict,
    reasons,
    receivedAt,
    xml,
  });
  const bytes = new TextEncoder().encode(xml).length;
  if (bytes > ANSWER_BYTES_MAX)
    return receipt('unknown', [ownReason('unreadable', `${bytes} bytes; at most ${ANSWER_BYTES_MAX} are read`)]);
  const read = readXml(xml, ANSWER_BYTES_MAX);
  if (read.kind === 'refused') return receipt('unknown', [ownReason('unreadable', `not readable: ${read.why}`)]);
  const root = read.element;
  const family = familyOf(pack, root);
  if (!family) {
    const what = `{${root.namespace}}${root.name} is not an answer the pack knows`;
    return receipt('unknown', [ownReason('family', what)]);
  }
  const answer = READERS[family](root);
  if (answer.references.length !== 1 || answer.references[0] !== sent) {
    const what = `it refers to ${answer.references.join(', ') || 'no message'}, not to ${sent}`;
    return receipt('unknown', [...answer.reasons, ownReason('reference', what)]);
  }
  if (answer.reasons.length === 0) return receipt('unknown', [ownReason('no-reason', 'it gives no reason')]);
  return receipt(verdictOf(pack.answers.table, family, answer.reasons), answer.reasons);
}

interface Answer {
  readonly references: readonly string[];
  readonly reasons: readonly Reason[];
}

/** One reader for each family of answers; GASRESPONSE and APERAK join here when their form is known. */
const READERS: Record<AnswerFamily, (root: XmlElement) => Answer> = { RESPONSE: readResponse };

const FAMILIES: readonly AnswerFamily[] = ['RESPONSE'];

function familyOf(pack: FormatPack, root: XmlElement): AnswerFamily | undefined {
  return FAMILIES.find((family) => family === root.name && pack.answers.namespaces[family] === root.namespace);
}

function readResponse(root: XmlElement): Answer {
  const named = (name: string): XmlElement[] =>
    elements(root).filter((child) => child.name === name && child.namespace === root.namespace);
  return {
    references: named('Reference').map((element) => attributeOf(element, 'id') ?? ''),
    reasons: named('Reason').map(readReason),
  };
}

function readReason(element: XmlElement): Reason {
  const resultCode = attributeOf(element, 'result-code');
  const blockId = attributeOf(element, 'block-id');
  return {
    code: attributeOf(element, 'code') ?? '',
    type: attributeOf(element, 'type') ?? '',
    ...(resultCode !== undefined && { resultCode }),
    ...(blockId !== undefined && { blockId }),
    text: textOf(element),
  };
}

function verdictOf(table: readonly AnswerRow[], family: AnswerFamily, reasons: readonly Reason[]): Verdict {
  const verdicts = reasons.map(
    (reason) =>
      table.find(
        (row) =>
          row.family === family &&
          row.type === reason.type &&
          row.code === reason.code &&
          row.resultCode === reason.resultCode,
      )?.verdict ?? 'unknown',
  );
  if (verdicts.includes('rejected')) return 'rejected';
  return verdicts.includes('unknown') ? 'unknown' : 'accepted';
}

function ownReason(code: string, text: string): Reason {
  return { code, type: OWN_REASON_TYPE, text };
}
