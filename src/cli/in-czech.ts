import type { Command } from 'commander';
import type { Translations } from '../core/say.ts';
import { DETAILS_CZECH } from './czech-details.ts';
import { HELP_CZECH } from './czech-help.ts';
import { PROBLEMS_CZECH } from './czech-problems.ts';

/**
 * Texts that come with their values in them, over a socket or from a library, are known again by their pattern. What no pattern
 * fits stays as it is: a detail in another language is better than none.
 */
interface Pattern {
  readonly english: RegExp;
  readonly czech: string;
}

const details = patternsOf(DETAILS_CZECH);
const problems = patternsOf(PROBLEMS_CZECH);
const help = patternsOf(HELP_CZECH);

function patternsOf(texts: Translations): readonly Pattern[] {
  return Object.entries(texts).map(([english, czech]) => {
    const source = english.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\d\}/g, '(.*?)');
    return { english: new RegExp(`^${source}$`, 's'), czech };
  });
}

function translated(
  text: string,
  patterns: readonly Pattern[],
  again = (value: string) => translated(value, patterns),
): string {
  for (const { english, czech } of patterns) {
    const values = english.exec(text)?.slice(1);
    // A value may be a text itself: why a file cannot be used, say.
    if (values) return czech.replace(/\{(\d)\}/g, (_, n: string) => again(values[Number(n)] ?? ''));
  }
  return text;
}

/** The detail of a failure; of several problems with files a line each. */
export function detailInCzech(detail: string): string {
  const lines = detail.split('\n');
  if (!lines.some((line) => PROBLEM.test(line))) return translated(detail, details);
  return lines.map(problemInCzech).join('\n');
}

/** What `problemText` writes of a problem, and how many more there are where a service tells the first only. */
const PROBLEM = /^(.+?:\d+:\d+: (?:\S+: )?)found (.*?), expected (.*?)(?:; (.*?))?( \(and \d+ more: .*\))?$/;
const MORE = /^ \(and (\d+) more: (.*)\)$/;

function problemInCzech(line: string): string {
  const parts = PROBLEM.exec(line);
  if (!parts) return line.replace(/^(\d+) problems$/, 'chyb: $1');
  const [, place = '', found = '', expected = '', advice, more = ''] = parts;
  const todo = advice === undefined ? '' : `; ${phraseInCzech(advice)}`;
  const others = more.replace(MORE, ' (a dalších $1: $2)');
  return `${place}je zde ${phraseInCzech(found)}, očekává se ${phraseInCzech(expected)}${todo}${others}`;
}

const CHOICE = /^((?:"[^"]*"|\d+)(?:, (?:"[^"]*"|\d+))*) or (?:("[^"]*"|\d+)|(\d+) more)$/;

function phraseInCzech(phrase: string): string {
  const choice = CHOICE.exec(phrase);
  if (choice) return `${choice[1]} nebo ${choice[2] ?? `dalších ${choice[3]}`}`;
  return translated(phrase, problems, phraseInCzech);
}

/** To be called before the commands are added: they take it over. */
export function speakCzech(program: Command): void {
  program
    .helpOption('-h, --help', 'zobrazí tuto nápovědu')
    .configureHelp({
      styleTitle: (title) => translated(title, help),
      styleUsage: (usage) => usage.replace('[options]', '[volby]').replace('[command]', '[příkaz]'),
      styleOptionDescription: (text) => text.replace('(choices: ', '(možnosti: ').replace('(default: ', '(výchozí: '),
    })
    .configureOutput({ outputError: (text, write) => write(errorInCzech(text)) })
    .showHelpAfterError('(odecet --help ukáže, co je k dispozici)');
}

function errorInCzech(text: string): string {
  return text
    .split('\n')
    .map((line) => translated(line, help))
    .join('\n');
}

/** What help says of a command, and of those below it. */
export function describeInCzech(command: Command): void {
  command.description(translated(command.description(), help));
  for (const option of command.options) option.description = translated(option.description, help);
  for (const argument of command.registeredArguments) argument.description = translated(argument.description, help);
  for (const below of command.commands) describeInCzech(below);
}
