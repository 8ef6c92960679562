import { attributeOf, elements, readXml, textOf, type XmlElement } from '../message/xml.ts';

/** Elements are found by namespace and local name, never by prefix: the operator changes prefixes (n0: since 2024). */

/** An envelope of the largest document, several times over; whoever has a lower limit checks it before. */
export const CHARACTERS_MAX = 1_000_000;

/** Throws Error on anything that readXml refuses. */
export function parseXml(text: string): XmlElement {
  const read = readXml(text, CHARACTERS_MAX);
  if (read.kind === 'refused') throw new Error(read.why);
  return read.element;
}

export function isElement(element: XmlElement, namespace: string, name: string): boolean {
  return element.name === name && element.namespace === namespace;
}

/** Whether anything but white space stands between its child elements. */
export function hasOwnText(parent: XmlElement): boolean {
  return textOf(parent) !== '';
}

export function children(parent: XmlElement, namespace: string, name: string): XmlElement[] {
  return elements(parent).filter((child) => isElement(child, namespace, name));
}

/** The one child of this name; throws Error when there is none or more than one. */
export function onlyChild(parent: XmlElement, namespace: string, name: string): XmlElement {
  const [found, second] = children(parent, namespace, name);
  if (!found || second) throw new Error(`${parent.name} must hold exactly one ${name}`);
  return found;
}

/** An attribute without namespace that must be there. Throws Error when it is not. */
export function attribute(element: XmlElement, name: string): string {
  const value = attributeOf(element, name);
  if (value === undefined) throw new Error(`${element.name} has no ${name}`);
  return value;
}
