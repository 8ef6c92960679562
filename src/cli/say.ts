import { inEnglish, type Language, type Say, sayIn } from '../core/say.ts';
import { CZECH } from './czech.ts';
import { languageOf } from './words.ts';

export interface SpokenOptions {
  readonly lang?: Language;
}

/** The language that a command is asked for, else that of the machine. */
export function sayFor({ lang = languageOf(process.env) }: SpokenOptions): Say {
  return lang === 'cs' ? sayIn(CZECH) : inEnglish;
}
