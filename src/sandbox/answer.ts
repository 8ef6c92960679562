import { create } from 'xmlbuilder2';
import { isoLocal } from '../core/calendar.ts';
import type { Commodity } from '../core/interval.ts';
import { parseUtc } from '../core/time.ts';
import type { Answered } from './journal.ts';

const RESPONSE = 'http://www.ote-cr.cz/schema/response';
/** A namespace that the operator's system declares and never uses, since 2026-04-01; readers must not stumble. */
const UNUSED = 'urn:sap.com:proxy:CDX:/1SAI/TASE5FA88EE8340550FCA39:758';

interface Form {
  readonly prefix: string;
  readonly messageCode: string;
  /** The operator's own identification. */
  readonly operator: string;
  readonly codingScheme: string;
  readonly accepted: { readonly code: string; readonly type: string; readonly more: Readonly<Record<string, string>> };
  readonly acceptedText: (id: string) => string;
}

/**
 * Gas: as the operator's own sample of 2026-03-17. Electricity: as a third party's copy of the market service; that metered
 * values are answered alike is likely, not known.
 */
const FORMS: Record<Commodity, Form> = {
  gas: {
    prefix: 'n0:',
    messageCode: 'GCC',
    operator: '27XGOTE-CZ-GAS-R',
    codingScheme: '15',
    accepted: { code: '245', type: 'A03', more: { 'block-id': '1', 'result-code': 'G00003' } },
    acceptedText: (id) => `Zpráva č. ${id} byla v pořádku přijata`,
  },
  electricity: {
    prefix: '',
    messageCode: '812',
    operator: '8591824000007',
    codingScheme: '14',
    accepted: { code: '0200', type: 'A01', more: {} },
    acceptedText: () => 'Zpráva úspěšně přijata',
  },
};

/**
 * The RESPONSE document for what the journal says about a message: the same entry gives the same answer, byte for byte.
 * @param unknownCode puts a code into it that no table knows
 */
export function answerDocument(entry: Answered, zone: string, unknownCode = false): string {
  const form = FORMS[entry.commodity];
  const { prefix, codingScheme } = form;
  const root = create().ele(RESPONSE, `${prefix}RESPONSE`, {
    id: entry.answerId,
    'message-code': form.messageCode,
    'date-time': isoLocal(parseUtc(entry.receivedAt), zone).slice(0, 'YYYY-MM-DDThh:mm:ss'.length),
    'dtd-version': '1',
    'dtd-release': '1',
  });
  if (prefix !== '') root.att('http://www.w3.org/2000/xmlns/', 'xmlns:prx', UNUSED);
  root.ele(RESPONSE, `${prefix}SenderIdentification`, { id: form.operator, 'coding-scheme': codingScheme });
  root.ele(RESPONSE, `${prefix}ReceiverIdentification`, { id: entry.sender, 'coding-scheme': codingScheme });
  root.ele(RESPONSE, `${prefix}Reference`, { id: entry.id });
  for (const { text, ...attributes } of reasonsOf(entry, form, unknownCode))
    root.ele(RESPONSE, `${prefix}Reason`, attributes).txt(text);
  return root.end({ headless: true });
}

type ReasonElement = { readonly text: string } & Readonly<Record<string, string>>;

function reasonsOf(
  { id, problems }: Answered,
  { accepted, acceptedText }: Form,
  unknownCode: boolean,
): ReasonElement[] {
  if (unknownCode) return [{ code: '999999', type: 'SANDBOX-UNKNOWN', text: 'Odpověď, kterou žádná tabulka nezná' }];
  if (problems.length === 0)
    return [{ code: accepted.code, type: accepted.type, ...accepted.more, text: acceptedText(id) }];
  return problems.map(({ code, text }, n) => ({ code, type: 'SANDBOX-REJECT', 'block-id': String(n + 1), text }));
}
