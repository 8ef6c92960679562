import { describe, expect, test } from 'vitest';
import { OWN_REASON_TYPE, readAnswer } from './answer.ts';
import { electricityPack, gasPack } from './message.testkit.ts';

const SENT = '00000000000042';
const AT = 1_774_858_530_000;
const NS = 'http://www.ote-cr.cz/schema/response';

/** The form of the operator's gas sample of 2026-03-17, prefix and unused namespace included. */
function gasAnswer(reasons: string, reference = SENT): string {
  return `<n0:RESPONSE id="30000673243338" message-code="GCC" date-time="2026-03-02T12:38:37" dtd-version="1" dtd-release="1" xmlns:n0="${NS}" xmlns:prx="urn:sap.com:proxy:CDX:/1SAI/TASE5FA88EE8340550FCA39:758">
<n0:SenderIdentification id="27XGOTE-CZ-GAS-R" coding-scheme="15"/>
<n0:ReceiverIdentification id="27XGOTE-CZ-GAS-R" coding-scheme="15"/>
<n0:Reference id="${reference}"/>
${reasons}
</n0:RESPONSE>`;
}

const GOOD =
  '<n0:Reason code="245" type="A03" block-id="1" result-code="G00003">Zpráva č. a byla v pořádku přijata</n0:Reason>';
const BAD = '<n0:Reason code="SANDBOX-COUNT" type="SANDBOX-REJECT">24 místo 23</n0:Reason>';
const STRANGE = '<n0:Reason code="246" type="A03" block-id="2" result-code="G00004">?</n0:Reason>';

function verdict(xml: string): string {
  return readAnswer(gasPack, xml, SENT, AT).verdict;
}

describe('known answers', () => {
  test("the operator's gas sample is accepted, kept verbatim, with its reason", () => {
    const xml = gasAnswer(GOOD);
    expect(readAnswer(gasPack, xml, SENT, AT)).toEqual({
      message: SENT,
      verdict: 'accepted',
      reasons: [
        {
          code: '245',
          type: 'A03',
          resultCode: 'G00003',
          blockId: '1',
          text: 'Zpráva č. a byla v pořádku přijata',
        },
      ],
      receivedAt: AT,
      xml,
    });
  });

  test('the electricity form with the default namespace is accepted', () => {
    const xml = `<RESPONSE date-time="2026-03-30T10:00:00" dtd-release="1" dtd-version="1" id="00000000000001" message-code="812" xmlns="${NS}"><Reference id="${SENT}"/><Reason code="0200" type="A01">Zpráva úspěšně přijata</Reason></RESPONSE>`;
    expect(readAnswer(electricityPack, xml, SENT, AT).verdict).toBe('accepted');
  });

  test('the prefix does not matter, the namespace does', () => {
    expect(verdict(gasAnswer(GOOD).replaceAll('n0:', 'q:').replace('xmlns:n0', 'xmlns:q'))).toBe('accepted');
    expect(verdict(gasAnswer(GOOD).replace(NS, `${NS}/other`))).toBe('unknown');
  });
});

describe('several reasons', () => {
  test('one rejection rejects, whatever else is said', () => {
    expect(verdict(gasAnswer(GOOD + BAD))).toBe('rejected');
    expect(verdict(gasAnswer(STRANGE + BAD + GOOD))).toBe('rejected');
  });
  test('one unknown reason makes it unknown, and only all accepted is accepted', () => {
    expect(verdict(gasAnswer(GOOD + STRANGE))).toBe('unknown');
    expect(verdict(gasAnswer(GOOD + GOOD))).toBe('accepted');
  });
});

describe('never taken as accepted', () => {
  test('a code that differs in one part from a known one', () => {
    for (const [from, to] of [
      ['code="245"', 'code="0245"'],
      ['type="A03"', 'type="A01"'],
      ['result-code="G00003"', 'result-code="G00004"'],
      [' result-code="G00003"', ''],
      [' type="A03"', ''],
    ] as const)
      expect(verdict(gasAnswer(GOOD.replace(from, to)))).toBe('unknown');
    expect(readAnswer(electricityPack, gasAnswer(GOOD), SENT, AT).verdict).toBe('unknown');
  });

  test('an answer to another message, to none, or to two', () => {
    const other = readAnswer(gasPack, gasAnswer(GOOD, '00000000000041'), SENT, AT);
    expect(other.verdict).toBe('unknown');
    expect(other.reasons.at(-1)).toEqual({
      type: OWN_REASON_TYPE,
      code: 'reference',
      text: `it refers to 00000000000041, not to ${SENT}`,
    });
    expect(verdict(gasAnswer(GOOD).replace(/<n0:Reference.*/, ''))).toBe('unknown');
    expect(verdict(gasAnswer(`<n0:Reference id="${SENT}"/>${GOOD}`))).toBe('unknown');
    expect(verdict(gasAnswer(BAD, '00000000000041'))).toBe('unknown');
  });

  test('no reason, a reason in a foreign namespace, a reason deeper down', () => {
    expect(verdict(gasAnswer(''))).toBe('unknown');
    expect(verdict(gasAnswer(GOOD.replaceAll('n0:Reason', 'Reason')))).toBe('unknown');
    expect(verdict(gasAnswer(`<n0:Block>${GOOD}</n0:Block>`))).toBe('unknown');
  });

  test('another family', () => {
    const receipt = readAnswer(gasPack, gasAnswer(GOOD).replaceAll('RESPONSE', 'APERAK'), SENT, AT);
    expect(receipt.verdict).toBe('unknown');
    expect(receipt.reasons[0]?.text).toContain('APERAK is not an answer the pack knows');
  });

  test('what cannot be read: cut off, a document type, an entity, too long, too deep, nothing', () => {
    const doctype = `<!DOCTYPE x [<!ENTITY a "b">]>${gasAnswer(GOOD)}`;
    const deep = gasAnswer(`${'<n0:A>'.repeat(40)}${'</n0:A>'.repeat(40)}${GOOD}`);
    const long = gasAnswer(`${GOOD}<!--${'ě'.repeat(500_000)}-->`);
    const unreadable = [gasAnswer(GOOD).slice(0, -5), doctype, gasAnswer(`${GOOD}&a;`), long, deep, '', 'OK'];
    for (const xml of unreadable) {
      const receipt = readAnswer(gasPack, xml, SENT, AT);
      expect([receipt.verdict, receipt.reasons[0]?.type, receipt.reasons[0]?.code]).toEqual([
        'unknown',
        OWN_REASON_TYPE,
        'unreadable',
      ]);
      expect(receipt.xml).toBe(xml);
    }
  });
});
