import { InvalidArgumentError, Option } from 'commander';
import { LANGUAGES, type Language } from '../core/say.ts';

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
