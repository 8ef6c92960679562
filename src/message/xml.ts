import { SaxesParser } from 'saxes';

/** XML as it came from outside: names by local name and namespace, the prefix is gone. */
export interface XmlElement {
  readonly name: string;
  readonly namespace: string;
  /** Attributes by local name; namespace declarations are left out, those of a foreign namespace too. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** The text directly in it, without space around. */
  readonly text: string;
}

export type XmlRead =
  | { readonly kind: 'element'; readonly element: XmlElement }
  | { readonly kind: 'refused'; readonly why: string };

/** Deeper nesting than any market document has. */
const DEPTH_MAX = 32;

interface OpenElement {
  name: string;
  namespace: string;
  attributes: Map<string, string>;
  children: XmlElement[];
  text: string;
}

/** Parses one document. A document type is refused (it could define entities), and so is anything over the limits. */
export function readXml(xml: string, charactersMax: number): XmlRead {
  if (xml.length > charactersMax)
    return { kind: 'refused', why: `${xml.length} characters, at most ${charactersMax} are read` };
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  let why: string | undefined;
  const parser = new SaxesParser({ xmlns: true });
  const refuse = (reason: string): void => {
    why ??= reason;
  };
  parser.on('error', (error) => refuse(error.message));
  parser.on('doctype', () => refuse('a document type is not allowed'));
  parser.on('opentag', (tag) => {
    if (open.length >= DEPTH_MAX) refuse(`nested deeper than ${DEPTH_MAX}`);
    const attributes = Object.values(tag.attributes).filter(({ uri }) => uri === '');
    const named = new Map(attributes.map(({ local, value }) => [local, value]));
    open.push({ name: tag.local, namespace: tag.uri, attributes: named, children: [], text: '' });
  });
  const text = (part: string): void => {
    const element = open.at(-1);
    if (element) element.text += part;
  };
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('closetag', () => {
    const closed = open.pop();
    if (!closed) return;
    const element: XmlElement = { ...closed, text: closed.text.trim() };
    const parent = open.at(-1);
    if (parent) parent.children.push(element);
    else root ??= element;
  });
  parser.write(xml).close();
  if (why === undefined && root) return { kind: 'element', element: root };
  return { kind: 'refused', why: why ?? 'no element in it' };
}
