/**
 * The exclusive canonical form of a document as programs write it, found in its text without making elements of it: a third of
 * what reading it and writing it again takes, and little to collect. It knows a narrow form: names in ASCII without prefix, no
 * namespace but a default one that the root declares; each tag on one line, one space before an attribute, values in double
 * quotes, no reference, comment or section, no `>` but at the end of a tag, nothing beyond the first plane. Whatever else there
 * is, well-formed or not, is left to the reader and `canonical`; so this one never refuses, and what it writes they write alike.
 */

const CHARACTERS = /^[\n\x20-\x25\x27-\x7E\u00A0-\uD7FF\uE000-\uFFFD]*$/;
const NAME = /^[A-Za-z_][\w.-]*$/;
const TAG = /^<([\w.-]+)((?: [\w.-]+="[^"]*")*)(\/?)>$/;
const ATTRIBUTE = / ([\w.-]+)="([^"]*)"/g;
const XMLNS = 'xmlns';
/** Two namespaces of the consortium's are nobody's to declare (Namespaces in XML 1.0, 3). */
const NAMESPACE = /^(?!http:\/\/www\.w3\.org\/)[!-~]+$/;
/** Far below what the reader takes. */
const DEPTH_MAX = 16;
const ATTRIBUTES_MAX = 16;
/** A document has a handful of kinds; a tag is held against each. */
const KINDS_MAX = 16;

const SLASH = 0x2f;

/** Start tags that differ in nothing but values. */
interface Kind {
  /** What stands around the values: `<Data from="`, `" to="`, `"/>` */
  readonly around: readonly string[];
  /** The end tag. */
  readonly end: string;
  readonly isEmpty: boolean;
  readonly declares: boolean;
  /** Of the bracket and the name. */
  readonly nameLength: number;
  /** The places of its attributes in the order of the canonical form. */
  readonly order: readonly number[];
}

/** @param xml one element and nothing around it */
export function quickCanonical(xml: string): string | undefined {
  return CHARACTERS.test(xml) ? new Walk(xml).canonical() : undefined;
}

/** Once through the text. */
class Walk {
  readonly #xml: string;
  readonly #kinds: Kind[] = [];
  /** End tags of the elements that are open. */
  readonly #open: string[] = [];
  /** Where the quotes behind the last start tag's values stand. */
  readonly #quotes: number[] = [];
  #written = '';
  /** A piece that is still to be written: what follows it is mostly next to it. */
  #from = 0;
  #to = 0;

  constructor(xml: string) {
    this.#xml = xml;
  }

  canonical(): string | undefined {
    const xml = this.#xml;
    let greater = -1;
    let lineEnd = -1;
    for (let less = 0, next = 0; next < xml.length; less = next) {
      // From the last one on: none stands in a text.
      greater = xml.indexOf('>', greater + 1);
      next = endOr(xml, xml.indexOf('<', less + 1));
      if (lineEnd < less) lineEnd = endOr(xml, xml.indexOf('\n', less));
      if (greater < less || greater > next || greater > lineEnd || !this.#tag(less, greater)) return undefined;
      if (this.#open.length === 0) return greater === xml.length - 1 ? this.#flushed() : undefined;
      this.#take(greater + 1, next);
    }
    return undefined;
  }

  /** @returns whether the tag between these brackets can stand here */
  #tag(less: number, greater: number): boolean {
    if (this.#xml.charCodeAt(less + 1) !== SLASH) return this.#begin(less, greater);
    const end = this.#open.pop();
    if (end?.length !== greater + 1 - less || !this.#xml.startsWith(end, less)) return false;
    this.#take(less, greater + 1);
    return true;
  }

  #begin(less: number, greater: number): boolean {
    const kind = this.#kindOf(less, greater);
    if (!kind || this.#open.length >= DEPTH_MAX || (kind.declares && this.#open.length > 0)) return false;
    const { nameLength, order, isEmpty, end } = kind;
    this.#take(less, less + nameLength);
    for (const n of order) this.#take(n === 0 ? less + nameLength : this.#quotes[n - 1]! + 1, this.#quotes[n]! + 1);
    this.#take(isEmpty ? greater - 1 : greater, isEmpty ? greater - 1 : greater + 1);
    if (isEmpty) this.#written = `${this.#flushed()}>${end}`;
    else this.#open.push(end);
    return true;
  }

  #kindOf(less: number, greater: number): Kind | undefined {
    for (const known of this.#kinds) if (this.#isOf(known, less, greater)) return known;
    const made = this.#kinds.length < KINDS_MAX ? kindOf(this.#xml.slice(less, greater + 1)) : undefined;
    if (!made || !this.#isOf(made, less, greater)) return undefined;
    this.#kinds.push(made);
    return made;
  }

  #isOf({ around }: Kind, less: number, greater: number): boolean {
    const xml = this.#xml;
    let at = less;
    for (let n = 0; n < around.length; n++) {
      const piece = around[n]!;
      if (!xml.startsWith(piece, at)) return false;
      at += piece.length;
      if (n === around.length - 1) break;
      at = xml.indexOf('"', at);
      if (at < 0 || at > greater) return false;
      this.#quotes[n] = at;
    }
    return at === greater + 1;
  }

  #take(from: number, to: number): void {
    if (from !== this.#to) {
      this.#written = this.#flushed();
      this.#from = from;
    }
    this.#to = to;
  }

  #flushed(): string {
    const text = this.#written + this.#xml.slice(this.#from, this.#to);
    this.#from = this.#to;
    return text;
  }
}

function endOr(xml: string, at: number): number {
  return at < 0 ? xml.length : at;
}

/** Undefined where a tag is not of the form. */
function kindOf(tag: string): Kind | undefined {
  const [, name, attributes = '', slash = ''] = TAG.exec(tag) ?? [];
  if (name === undefined) return undefined;
  const written = Array.from(attributes.matchAll(ATTRIBUTE), ([, own = '', value = '']) => ({ own, value }));
  const names = written.map(({ own }) => own);
  const namespace = written.find(({ own }) => own === XMLNS);
  const isPlain = [name, ...names].every((one) => NAME.test(one)) && new Set(names).size === names.length;
  if (!isPlain || names.length > ATTRIBUTES_MAX || (namespace && !NAMESPACE.test(namespace.value))) return undefined;
  const starts = names.map((own) => ` ${own}="`);
  const first = `<${name}${starts[0] ?? ''}`;
  const behind = `${slash}>`;
  return {
    around:
      starts.length === 0 ? [first + behind] : [first, ...starts.slice(1).map((start) => `"${start}`), `"${behind}`],
    end: `</${name}>`,
    isEmpty: slash !== '',
    declares: namespace !== undefined,
    nameLength: name.length + 1,
    order: [...names.keys()].sort((a, b) => (rank(names[a]!) < rank(names[b]!) ? -1 : 1)),
  };
}

/** Canonical XML 1.0, 2.2: declarations first, then attributes by name. */
function rank(name: string): string {
  return name === XMLNS ? '' : name;
}
