import type { Edit } from './fault.ts';

/** The text of a file with a fault in it. Throws where the place is not there, or not the only one: the program has moved on. */
export function planted(text: string, { file, from, to }: Edit): string {
  const places = text.split(from).length - 1;
  if (places !== 1) throw new Error(`"${from}" stands ${places} times in ${file}, it must stand once`);
  return text.replace(from, () => to);
}
