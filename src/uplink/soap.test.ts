import { expect, test } from 'vitest';
import { bodyOf, envelopeOf, faultEnvelope, openEnvelope, SOAP } from './soap.ts';

const DOCUMENT = `<?xml version="1.0" encoding="UTF-8"?>\n<A xmlns="urn:a"  b='1'><C/> </A>\n`;

test('a document is wrapped without a byte of it changed', () => {
  expect(bodyOf(DOCUMENT)).toContain(`envelope/"><A xmlns="urn:a"  b='1'><C/> </A></soap:Body>`);
});

test('a document with a document type cannot be wrapped', () => {
  expect(() => bodyOf('<!DOCTYPE A []><A/>')).toThrow('document type');
});

test('what was wrapped is found again by namespace and name', () => {
  expect(openEnvelope(envelopeOf(bodyOf(DOCUMENT)))).toMatchObject({ kind: 'document', namespace: 'urn:a', name: 'A' });
});

test('prefixes mean nothing: the operator changed its own to n0 in 2024', () => {
  const text = `<x:Envelope xmlns:x="${SOAP}" xmlns:n0="urn:r"><x:Body><n0:RESPONSE id="1"><n0:Reason/></n0:RESPONSE></x:Body></x:Envelope>`;
  const opened = openEnvelope(text);
  expect(opened).toMatchObject({ kind: 'document', namespace: 'urn:r', name: 'RESPONSE' });
  // Cut out of its envelope, the document still declares the prefix it uses.
  expect(opened.kind === 'document' && opened.xml).toContain('xmlns:n0="urn:r"');
});

test('a fault is told with its code and text', () => {
  expect(openEnvelope(faultEnvelope('Server', 'a < b & c'))).toEqual({
    kind: 'fault',
    code: 'soap:Server',
    text: 'a < b & c',
  });
});

test.each([
  ['an HTML page', '<html><body/></html>'],
  [
    'a SOAP 1.2 envelope',
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><a/></e:Body></e:Envelope>',
  ],
  ['two bodies', `<s:Envelope xmlns:s="${SOAP}"><s:Body><a/></s:Body><s:Body><a/></s:Body></s:Envelope>`],
  ['two documents', `<s:Envelope xmlns:s="${SOAP}"><s:Body><a/><b/></s:Body></s:Envelope>`],
  ['an empty body', `<s:Envelope xmlns:s="${SOAP}"><s:Body/></s:Envelope>`],
  ['an entity', `<!DOCTYPE s [<!ENTITY x "y">]><s:Envelope xmlns:s="${SOAP}"><s:Body><a>&x;</a></s:Body></s:Envelope>`],
  ['a cut-off envelope', envelopeOf(bodyOf(DOCUMENT)).slice(0, -20)],
  ['nothing', ''],
])('%s is no answer', (_name, text) => {
  expect(openEnvelope(text).kind).toBe('none');
});
