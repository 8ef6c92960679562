import { InvalidArgumentError, Option } from 'commander';
import { LANGUAGES, type Language } from '../core/say.ts';

/** Headings of tables; codes stay as they are, so that they can be searched for. */

const WORDS = {
  start: { cs: 'začátek', en: 'start' },
  minutes: { cs: 'minut', en: 'minutes' },
  channel: { cs: 'veličina', en: 'channel' },
  value: { cs: 'hodnota', en: 'value' },
  unit: { cs: 'jednotka', en: 'unit' },
  quality: { cs: 'kvalita', en: 'quality' },
  version: { cs: 'verze', en: 'version' },
  findings: { cs: 'nálezy', en: 'findings' },
  sum: { cs: 'součet', en: 'sum' },
  missing: { cs: 'chybí', en: 'missing' },
  measured: { cs: 'měřeno', en: 'measured' },
  flagged: { cs: 'měřeno s příznakem', en: 'flagged' },
  computed: { cs: 'dopočteno', en: 'computed' },
  estimated: { cs: 'odhad', en: 'estimated' },
  substituted: { cs: 'náhradní hodnota', en: 'substituted' },
  volume: { cs: 'objem', en: 'volume' },
  energy: { cs: 'energie', en: 'energy' },
  import: { cs: 'odběr', en: 'import' },
  export: { cs: 'dodávka', en: 'export' },
} as const satisfies Record<string, Record<Language, string>>;

export type Word = keyof typeof WORDS;

export function word(name: Word, language: Language): string {
  return WORDS[name][language];
}

export function languageOption(): Option {
  return new Option('--lang <language>', 'language: cs or en; from LANG where not given').argParser((text) => {
    const language = LANGUAGES.find((known) => known === text);
    if (language) return language;
    throw new InvalidArgumentError('give cs or en.');
  });
}

/** As the machine is set; English where it says neither. */
export function languageOf(environment: Readonly<Record<string, string | undefined>>): Language {
  const set = environment.LC_ALL || environment.LC_MESSAGES || environment.LANG || '';
  return set.startsWith('cs') ? 'cs' : 'en';
}
