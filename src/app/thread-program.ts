/**
 * The program of a thread, beside this file as it is built. Node 20 runs no TypeScript in a thread, so from the sources too the
 * built one is taken.
 */
export function threadProgram(name: 'seal-worker' | 'read-worker'): URL {
  const folder = import.meta.url.endsWith('.ts') ? '../../dist/src/app/' : './';
  return new URL(`${folder}${name}.js`, import.meta.url);
}
