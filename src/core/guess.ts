import leven from 'leven';

/**
 * The known word that somebody who wrote `word` most likely meant, or undefined when none is near.
 * Near: at most a third of the letters differ (two swapped letters count as two), never more than three; capitals do not count.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.min(3, Math.ceil(word.length / 3));
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = leven(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { word: candidate, distance };
  }
  return best?.word;
}

/** `did you mean "port"?`, or the other advice when no known word is near. */
export function didYouMean(word: string, known: readonly string[], otherwise = ''): string {
  const guess = nearest(word, known);
  return guess === undefined ? otherwise : `did you mean "${guess}"?`;
}

/** ` (did you mean "port"?)` to end a sentence with; empty when no known word is near. */
export function hint(word: string, known: readonly string[]): string {
  const guess = didYouMean(word, known);
  return guess === '' ? '' : ` (${guess})`;
}

/** `"a", "b" or "c"`; a long list is cut, because the editor's schema knows the rest. */
export function choice(given: readonly (string | number)[], most = 12): string {
  const words = [...new Set(given)];
  const shown = words.slice(0, most).map((word) => (typeof word === 'string' ? `"${word}"` : String(word)));
  if (words.length > most) return `${shown.join(', ')} or ${words.length - most} more`;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`;
}
