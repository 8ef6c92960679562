/** Texts for people stand in the code in English; another language is a table from those to its own. */

export const LANGUAGES = ['cs', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

/** From an English text, its values written {0}, {1}, ..., to the same in another language. What is not in it stays English. */
export type Translations = Readonly<Record<string, string>>;

export interface Say {
  /** As a tag: say`serial number ${serial}`. */
  (text: TemplateStringsArray, ...values: readonly (string | number)[]): string;
  /** A text that was made elsewhere and holds no values. */
  readonly whole: (text: string) => string;
}

export function sayIn(translations: Translations): Say {
  const whole = (text: string) => translations[text] ?? text;
  const say = (text: TemplateStringsArray, ...values: readonly (string | number)[]) => {
    const key = text.reduce((before, part, n) => `${before}{${n - 1}}${part}`);
    return whole(key).replace(/\{(\d)\}/g, (_, n: string) => String(values[Number(n)]));
  };
  return Object.assign(say, { whole });
}

export const inEnglish: Say = sayIn({});
