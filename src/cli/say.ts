import { inEnglish, type Language, type Say, sayIn } from '../core/say.ts';
import { CZECH } from './czech.ts';
import { detailInCzech } from './in-czech.ts';
import { languageOf } from './words.ts';

export interface SpokenOptions {
  readonly lang?: Language;
}

/** The same for details of failures and of problems with files, which come with their values in them. */
export function detailFor({ lang = languageOf(process.env) }: SpokenOptions): (detail: string) => string {
  return lang === 'cs' ? detailInCzech : (detail) => detail;
}

/** The language that a command is asked for, else that of the machine. */
export function sayFor({ lang = languageOf(process.env) }: SpokenOptions): Say {
  return lang === 'cs' ? sayIn(CZECH) : inEnglish;
}
