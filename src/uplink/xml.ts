import { DOMParser, XMLSerializer } from '@xmldom/xmldom';
import { SaxesParser } from 'saxes';

/** Elements are found by namespace and local name, never by prefix: the operator changes prefixes (n0: since 2024). */

/** Throws Error on anything that is not well-formed, and on a document type: no answer has one, and entities hide in it. */
export function parseXml(text: string): Document {
  if (/<!DOCTYPE/i.test(text)) throw new Error('a document type declaration is not allowed');
  const refuse = (problem: string): never => {
    throw new Error(`not well-formed XML: ${problem.split('\n')[0]}`);
  };
  wellFormed(text);
  const parser = new DOMParser({ errorHandler: { warning: refuse, error: refuse, fatalError: refuse } });
  const document = parser.parseFromString(text, 'text/xml');
  if (!document?.documentElement) throw new Error('not well-formed XML: no root element');
  return document;
}

/**
 * xmldom lets pass what stands after the root, characters that XML does not know, and more; two readers of one answer must not
 * see different things.
 */
function wellFormed(text: string): void {
  const parser = new SaxesParser({ xmlns: true, position: false });
  parser.on('error', (problem) => {
    throw new Error(`not well-formed XML: ${problem.message}`);
  });
  parser.write(text).close();
}

/** An element as text of its own: the namespaces it inherits are written onto it. */
export function elementText(element: Element): string {
  return new XMLSerializer().serializeToString(element);
}

export function isElement(element: Element, namespace: string, name: string): boolean {
  return element.localName === name && element.namespaceURI === namespace;
}

/** The direct children that are elements. */
export function elements(parent: Element): Element[] {
  return Array.from({ length: parent.childNodes.length }, (_, n) => parent.childNodes.item(n)).filter(
    (node): node is Element => node.nodeType === 1,
  );
}

/** Whether anything but white space stands between its child elements. */
export function hasOwnText(parent: Element): boolean {
  return Array.from({ length: parent.childNodes.length }, (_, n) => parent.childNodes.item(n)).some(
    ({ nodeType, nodeValue }) => (nodeType === 3 || nodeType === 4) && /[^ \t\r\n]/.test(nodeValue ?? ''),
  );
}

export function children(parent: Element, namespace: string, name: string): Element[] {
  return elements(parent).filter((child) => isElement(child, namespace, name));
}

/** The one child of this name; throws Error when there is none or more than one. */
export function onlyChild(parent: Element, namespace: string, name: string): Element {
  const [found, second] = children(parent, namespace, name);
  if (!found || second) throw new Error(`${parent.localName} must hold exactly one ${name}`);
  return found;
}
