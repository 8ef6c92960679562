import { describe, expect, test } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { decimal } from '../core/decimal.ts';
import {
  ELECTRICITY_POINT,
  electricityPack,
  formatFile,
  GAS_POINTS,
  gasPack,
  madeXml,
  pointDay,
  requestOf,
} from './message.testkit.ts';

/** An independent judge: the schemas beside the packs, held by libxml2. */
async function complaints(schema: string, xml: string): Promise<string> {
  const { valid, errors } = await validateXML({
    xml: { fileName: 'message.xml', contents: xml },
    schema: { fileName: 'schema.xsd', contents: formatFile(schema) },
  });
  return valid ? '' : errors.map(({ message }) => message).join('\n');
}

function gasXml(day: string): string {
  const shape = { pack: gasPack, day, minutes: 60, value: (n: number) => decimal(n * 123_457, -5) };
  const request = requestOf(
    gasPack,
    day,
    GAS_POINTS.map((code) => pointDay(shape, code, ['volume', 'energy'])),
  );
  return madeXml(gasPack, { ...request, corrects: '00000000000041' });
}

function electricityXml(day: string, minutes: number): string {
  const shape = { pack: electricityPack, day, minutes };
  return madeXml(
    electricityPack,
    requestOf(electricityPack, day, [pointDay(shape, ELECTRICITY_POINT, ['import', 'export'])]),
  );
}

describe('made documents are valid', () => {
  test.each(['2026-01-15', '2026-03-28', '2026-10-24'])('gas day %s', async (day) => {
    expect(await complaints('gasdat.xsd', gasXml(day))).toBe('');
  });
  test.each([
    ['2026-01-15', 15],
    ['2026-03-29', 15],
    ['2026-10-25', 15],
    ['2026-01-15', 60],
    ['2026-03-29', 60],
    ['2026-10-25', 60],
  ])('electricity day %s, %i min', async (day, minutes) => {
    expect(await complaints('cdsdata.xsd', electricityXml(day, minutes))).toBe('');
  });
});

describe('spoilt documents are not', () => {
  const gas = gasXml('2026-03-28');
  const electricity = electricityXml('2026-03-29', 15);
  test.each([
    ['an hour too few', 'gasdat.xsd', gas.replace(/<Data .*\n/, '')],
    [
      'three hours too many',
      'gasdat.xsd',
      gas.replace(/<Data [^>]*>/, (data) =>
        ['01', '02', '03', '04'].map((h) => data.replace('28T06', `27T${h}`)).join(''),
      ),
    ],
    [
      'an hour twice',
      'gasdat.xsd',
      gas.replace(/date-time-from="2026-03-28T07[^"]*"/, 'date-time-from="2026-03-28T06:00:00+01:00"'),
    ],
    ['a profile twice', 'gasdat.xsd', gas.replace('value-type="ENERGY"', 'value-type="VOLUME"')],
    ['a point twice', 'gasdat.xsd', gas.replace(GAS_POINTS[1], GAS_POINTS[0])],
    ['a negative value', 'gasdat.xsd', gas.replace(/value="0\.000"/, 'value="-0.001"')],
    ['too few decimals', 'gasdat.xsd', gas.replace(/value="0\.000"/, 'value="0"')],
    ['a number with exponent', 'gasdat.xsd', gas.replace(/value="0\.000"/, 'value="1e3"')],
    ['an unknown status', 'gasdat.xsd', gas.replace('MEASURED', 'GUESSED')],
    ['a time without offset', 'gasdat.xsd', gas.replace('2026-03-28T06:00:00+01:00', '2026-03-28T06:00:00')],
    ['another coding scheme', 'gasdat.xsd', gas.replace('coding-scheme="15"', 'coding-scheme="14"')],
    ['a short id', 'gasdat.xsd', gas.replace('00000000000042', '42')],
    ['another message code', 'gasdat.xsd', gas.replace('ODECET-GAS-HOURLY', 'GA1')],
    ['an unknown attribute', 'gasdat.xsd', gas.replace('<Location ', '<Location more="1" ')],
    ['a quarter too few', 'cdsdata.xsd', electricity.replace(/<Data .*\n/, '')],
    ['a quarter twice', 'cdsdata.xsd', electricity.replace('period="2"', 'period="1"')],
    ['period 101', 'cdsdata.xsd', electricity.replace('period="92"', 'period="101"')],
    ['a delivery point that is no EAN-18', 'cdsdata.xsd', electricity.replace(ELECTRICITY_POINT, '27ZG700-805Q001B')],
    ['the other document', 'cdsdata.xsd', gas],
  ])('%s', async (_, schema, spoilt) => {
    expect(await complaints(schema, spoilt)).not.toBe('');
  });
});

describe('answers', () => {
  const answer = `<n0:RESPONSE id="30000673243338" message-code="GCC" date-time="2026-03-02T12:38:37" dtd-version="1" dtd-release="1" xmlns:n0="http://www.ote-cr.cz/schema/response" xmlns:prx="urn:sap.com:proxy:CDX:/1SAI/TASE5FA88EE8340550FCA39:758">
<n0:SenderIdentification id="27XGOTE-CZ-GAS-R" coding-scheme="15"/>
<n0:ReceiverIdentification id="27XGOTE-CZ-GAS-R" coding-scheme="15"/>
<n0:Reference id="a"/>
<n0:Reason code="245" type="A03" block-id="1" result-code="G00003">Zpráva č. a byla v pořádku přijata</n0:Reason>
</n0:RESPONSE>`;
  test("the operator's own sample is valid", async () => {
    expect(await complaints('response.xsd', answer)).toBe('');
  });
  test('an answer without a reason, or with one that has no code, is not', async () => {
    expect(await complaints('response.xsd', answer.replace(/<n0:Reason.*\n/, ''))).not.toBe('');
    expect(await complaints('response.xsd', answer.replace(' code="245"', ''))).not.toBe('');
  });
});
