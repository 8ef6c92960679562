/**
 * Text of a person or of another program on one line of a terminal: a line feed in a reason must not look like the next entry of a
 * log, and an escape sequence must not colour or clear what a reader sees. Written as in JSON, where all of it stands as it was given.
 */
export function visible(text: string): string {
  return text.replace(NOT_SHOWN, (found) => {
    const known = JSON.stringify(found).slice(1, -1);
    return known === found ? `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}` : known;
  });
}

/** Control characters, separators of lines, and what turns the direction of writing. */
const NOT_SHOWN = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
