import { type Captured, escaped } from './match.ts';
import { DECLARATION } from './quick-xml.ts';
import {
  type AttributeTemplate,
  type ElementTemplate,
  PLACEHOLDERS,
  type Placeholder,
  type Repeat,
  type TextTemplate,
} from './template.ts';

/**
 * Holds a document's text against its template without making elements of it first: each start tag is one pattern, made from
 * the template. It knows two forms: as our own packs write a document, and its exclusive canonical form. Whatever is not of
 * them to the letter, right or wrong, is left to the full way (`readXml`, `matchDocument`); so this one never refuses, and what
 * it takes the full way takes alike.
 */

/** What the full way makes of it too; undefined where that has to look. */
export function quickMatch(template: ElementTemplate, xml: string, namespace: string): Captured | undefined {
  const forms = formsOf(template, namespace);
  if (!forms) return undefined;
  const from = xml.startsWith(DECLARATION) ? DECLARATION.length : 0;
  return matched(forms.written, xml, from) ?? matched(forms.canonical, xml, from);
}

/** The same for one that must be its own exclusive canonical form, wherever nothing around it declares a default namespace. */
export function canonicalMatch(template: ElementTemplate, xml: string, namespace: string): Captured | undefined {
  const isBare = xml.startsWith('<') && xml.endsWith('>');
  const forms = isBare ? formsOf(template, namespace) : undefined;
  return forms && matched(forms.canonical, xml, 0);
}

/** The levels that something can be said at, from the outside in; a correction is there once or not at all. */
const LEVELS: readonly ('document' | Repeat)[] = ['document', 'point', 'channel', 'interval'];

/** Where a placeholder's value is kept. */
interface Slot {
  readonly level: number;
  readonly index: number;
}

type Slots = ReadonlyMap<Placeholder, Slot>;

class Told implements Captured {
  readonly inside: Told[] = [];
  readonly #values: (string | undefined)[] = [];
  readonly #level: number;
  readonly #slots: Slots;
  readonly #around: Told | undefined;

  constructor(slots: Slots, around?: Told) {
    this.#slots = slots;
    this.#around = around;
    this.#level = around ? around.#level + 1 : 0;
  }

  another(): Told {
    const one = new Told(this.#slots, this);
    this.inside.push(one);
    return one;
  }

  get(word: Placeholder): string | undefined {
    const slot = this.#slots.get(word);
    const told = slot && this.#at(slot.level);
    return told ? told.#values[slot.index] : undefined;
  }

  /** @returns whether nothing else was said of the same before */
  add({ level, index }: Slot, value: string): boolean {
    const told = this.#at(level);
    if (!told) return false;
    const before = told.#values[index];
    told.#values[index] = value;
    return before === undefined || before === value;
  }

  #at(level: number): Told | undefined {
    if (level === this.#level) return this;
    return this.#around && level < this.#level ? this.#around.#at(level) : undefined;
  }
}

/** An element of the template made ready. Its patterns fit where they are told to begin (`lastIndex`), or not at all. */
interface Step {
  readonly start: RegExp;
  /** Where the groups of the pattern belong. */
  readonly slots: readonly Slot[];
  /** Each of its kind is one more of a level. */
  readonly isLevel: boolean;
  readonly isOptional: boolean;
  readonly children: readonly Step[];
  /** Absent where the start is all. */
  readonly end?: RegExp;
}

interface Form {
  readonly root: Step;
  readonly slots: Slots;
}

function matched({ root, slots }: Form, xml: string, from: number): Captured | undefined {
  const document = new Told(slots);
  const start = begun(root, xml, from);
  const end = start ? ended(root, start, xml, document) : -1;
  return end >= 0 && BLANK_TO_THE_END.test(xml.slice(end)) ? document : undefined;
}

const BLANK_TO_THE_END = /^[\n ]*$/;

function begun({ start }: Step, xml: string, at: number): RegExpExecArray | null {
  start.lastIndex = at;
  return start.exec(xml);
}

/** @returns where an element ends that begins like this, negative where it is of another form */
function ended({ start, slots, children, end }: Step, found: RegExpExecArray, xml: string, told: Told): number {
  let at = start.lastIndex;
  for (let n = 0; n < slots.length; n++) if (!told.add(slots[n]!, found[n + 1]!)) return -1;
  for (const child of children) {
    let count = 0;
    for (let one = begun(child, xml, at); one; one = child.isLevel ? begun(child, xml, at) : null) {
      at = ended(child, one, xml, child.isLevel ? told.another() : told);
      if (at < 0) return -1;
      count += 1;
    }
    if (count === 0 && !child.isOptional) return -1;
  }
  if (!end) return at;
  end.lastIndex = at;
  return end.test(xml) ? end.lastIndex : -1;
}

interface Forms {
  readonly namespace: string;
  /** As `writeDocument` writes: in the order of the template, an element without content as one tag. */
  readonly written: Form;
  /** Attributes by name, each element with an end. */
  readonly canonical: Form;
}

const made = new WeakMap<ElementTemplate, Forms | 'none'>();

/** Undefined where the template, or the namespace, is not of the simple kind. */
function formsOf(template: ElementTemplate, namespace: string): Forms | undefined {
  const known = made.get(template) ?? remembered(template, namespace);
  return known !== 'none' && known.namespace === namespace ? known : undefined;
}

function remembered(template: ElementTemplate, namespace: string): Forms | 'none' {
  const forms = isSimpleRoot(template, namespace)
    ? { namespace, written: formOf(template, namespace, false), canonical: formOf(template, namespace, true) }
    : 'none';
  made.set(template, forms);
  return forms;
}

const NAMESPACE = 'xmlns';
const SIMPLE_NAME = /^[A-Za-z_][\w.-]*$/;
/** A character of a value that both ways take as it stands. */
const PLAIN = "[ !#-%'-;=?-~\\u00A0-\\uD7FF\\uE000-\\uFFFD]";
/** Two of the W3C's nobody may declare (Namespaces in XML 1.0, 3). */
const SIMPLE_NAMESPACE = /^(?!http:\/\/www\.w3\.org\/)[\w:/.-]+$/;
const SIMPLE_LITERAL = new RegExp(`^${PLAIN}*$`);
/** Fewer than the readers' limits, with an envelope around. */
const [DEPTH_MAX, ATTRIBUTES_MAX] = [16, 16];

/** One namespace, declared by the root as the default one, and nothing with a prefix. */
function isSimpleRoot(root: ElementTemplate, namespace: string): boolean {
  const declared = root.attributes.filter(({ name }) => name === NAMESPACE);
  const isDeclared = declared.every(({ value }) => {
    const [part, second] = value;
    return (
      part &&
      !second &&
      ('literal' in part ? part.literal : part.placeholder === 'message.namespace' && namespace) === namespace
    );
  });
  const inner = { ...root, attributes: root.attributes.filter(({ name }) => name !== NAMESPACE) };
  return SIMPLE_NAMESPACE.test(namespace) && declared.length === 1 && isDeclared && isSimple(inner, DEPTH_MAX);
}

function isSimple({ name, attributes, text, children }: ElementTemplate, depthMax: number): boolean {
  const names = children.map((child) => child.name);
  return (
    depthMax > 0 &&
    SIMPLE_NAME.test(name) &&
    text === undefined &&
    attributes.length <= ATTRIBUTES_MAX &&
    attributes.every(
      (attribute) => SIMPLE_NAME.test(attribute.name) && attribute.name !== NAMESPACE && isSimpleText(attribute.value),
    ) &&
    new Set(names).size === names.length &&
    children.every((child) => isSimple(child, depthMax - 1))
  );
}

/** One placeholder, or none. */
function isSimpleText(value: TextTemplate): boolean {
  return value.length <= 1 && value.every((part) => 'placeholder' in part || SIMPLE_LITERAL.test(part.literal));
}

function formOf(template: ElementTemplate, namespace: string, isCanonical: boolean): Form {
  const slots = new Map<Placeholder, Slot>();
  return { root: stepOf(template, { namespace, isCanonical, slots }), slots };
}

interface Making {
  readonly namespace: string;
  readonly isCanonical: boolean;
  readonly slots: Map<Placeholder, Slot>;
}

function stepOf({ name, each, attributes, children }: ElementTemplate, making: Making): Step {
  const { namespace, isCanonical } = making;
  const isRepeated = each !== undefined && each !== 'correction';
  const ordered = isCanonical ? attributes.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)) : attributes;
  const slots: Slot[] = [];
  let tag = `[\\n ]*<${escaped(name)}`;
  for (const attribute of ordered) {
    const [part] = attribute.value;
    if (attribute.name === NAMESPACE) tag += ` xmlns="${escaped(namespace)}"`;
    else if (part && 'placeholder' in part) {
      tag += ` ${escaped(attribute.name)}="(${PLAIN}+)"`;
      slots.push(slotOf(part.placeholder, making.slots));
    } else tag += ` ${escaped(attribute.name)}="${escaped(part?.literal ?? '')}"`;
  }
  const isLeaf = children.length === 0;
  const close = isLeaf ? (isCanonical ? `></${escaped(name)}>` : '/>') : '>';
  return {
    start: new RegExp(tag + close, 'y'),
    slots,
    isLevel: isRepeated,
    isOptional: each === 'correction',
    children: children.map((child) => stepOf(child, making)),
    ...(!isLeaf && { end: new RegExp(`[\\n ]*</${escaped(name)}>`, 'y') }),
  };
}

/** Canonical XML 1.0, 2.2: declarations first. */
function rank({ name }: AttributeTemplate): string {
  return name === NAMESPACE ? '' : name;
}

function slotOf(word: Placeholder, slots: Map<Placeholder, Slot>): Slot {
  const known = slots.get(word);
  if (known) return known;
  const scope = PLACEHOLDERS[word];
  const level = LEVELS.indexOf(scope === 'correction' ? 'document' : scope);
  const slot = { level, index: Array.from(slots.values()).filter((other) => other.level === level).length };
  slots.set(word, slot);
  return slot;
}
