import { elements, textOf, type XmlElement } from '../message/xml.ts';
import { canonical } from './canonical.ts';
import { hasOwnText, isElement, onlyChild, parseXml } from './xml.ts';

/** SOAP 1.1: the only version seen at the operator's public services. */
export const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/';

const DECLARATION = /^\uFEFF?\s*<\?xml[^>]*\?>\s*/;

/**
 * A market document, byte for byte as it was made, in a Body.
 * @param document one XML document; its declaration is dropped, the rest is not touched
 * @param attributes attributes of the Body as XML text, e.g. the id that a signature refers to
 * Throws Error when the document has a document type: it cannot stand inside another document.
 */
export function bodyOf(document: string, attributes = ''): string {
  const element = withoutDeclaration(document);
  if (/<!DOCTYPE/i.test(element)) throw new Error('a document with a document type cannot be wrapped');
  return inBody(element, attributes);
}

export function withoutDeclaration(document: string): string {
  return document.replace(DECLARATION, '').trimEnd();
}

/** In the canonical form if the element is, and if namespaces come before other attributes. */
export function inBody(element: string, attributes = ''): string {
  const start = ['soap:Body', `xmlns:soap="${SOAP}"`, attributes].filter(Boolean).join(' ');
  return `<${start}>${element}</soap:Body>`;
}

/**
 * @param body as bodyOf gives it
 * @param header the content of the SOAP header, XML text
 */
export function envelopeOf(body: string, header = ''): string {
  const head = header === '' ? '' : `<soap:Header>${header}</soap:Header>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="${SOAP}">${head}${body}</soap:Envelope>`;
}

/** What stands in a Body. */
export type Opened =
  | { readonly kind: 'document'; readonly namespace: string; readonly name: string; readonly xml: string }
  | { readonly kind: 'fault'; readonly code: string; readonly text: string }
  | { readonly kind: 'none'; readonly why: string };

/** Opens an answer without asking who signed it: good for recognising a fault, never for believing an answer. */
export function openEnvelope(text: string): Opened {
  try {
    const root = parseXml(text);
    if (!isElement(root, SOAP, 'Envelope'))
      return { kind: 'none', why: `the root is ${root.name}, not a SOAP 1.1 Envelope` };
    return openBodyElement(onlyChild(root, SOAP, 'Body'));
  } catch (error) {
    return { kind: 'none', why: error instanceof Error ? error.message : String(error) };
  }
}

/** Opens a Body given as text: the canonical text that a verified signature covered. */
export function openBody(text: string): Opened {
  return openBodyElement(parseXml(text));
}

function openBodyElement(body: XmlElement): Opened {
  const [first, second] = elements(body);
  if (!first || second) return { kind: 'none', why: 'the Body must hold exactly one element' };
  if (isElement(first, SOAP, 'Fault')) return openFault(first);
  return { kind: 'document', namespace: first.namespace, name: first.name, xml: canonical(first) };
}

/** faultcode and faultstring stand in no namespace (SOAP 1.1, 4.4). */
function openFault(fault: XmlElement): Opened {
  const child = (name: string): string => {
    const found = elements(fault).find((element) => element.name === name);
    return found ? textOf(found) : '';
  };
  return { kind: 'fault', code: child('faultcode'), text: child('faultstring') };
}

/** A fault envelope, for the sandbox. */
export function faultEnvelope(code: 'Client' | 'Server', text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return envelopeOf(
    bodyOf(`<soap:Fault><faultcode>soap:${code}</faultcode><faultstring>${escaped}</faultstring></soap:Fault>`),
  );
}

/**
 * The Envelope's Header and Body. Throws Error when the text is no SOAP 1.1 envelope with exactly one of each, or when text
 * stands where only elements may: nothing that a signature does not cover shall look as if it said something.
 */
export function envelopeParts(root: XmlElement): { header: XmlElement; body: XmlElement } {
  if (!isElement(root, SOAP, 'Envelope')) throw new Error('the root is not a SOAP 1.1 Envelope');
  const header = onlyChild(root, SOAP, 'Header');
  const body = onlyChild(root, SOAP, 'Body');
  if (elements(root).length !== 2) throw new Error('the Envelope holds more than Header and Body');
  for (const part of [root, header])
    if (hasOwnText(part)) throw new Error(`text stands directly in the ${part.name}, where only elements may`);
  return { header, body };
}
