import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import { parseFaults } from '../../src/app/simulation/faults.ts';
import { planted } from './plant.ts';
import { PLANTED } from './planted.ts';

describe('the planted faults', () => {
  it.each(PLANTED)('$name: the place is still there', ({ also = [], faults = 'all', ...first }) => {
    const texts = new Map<string, string>();
    for (const edit of [first, ...also]) {
      const text = texts.get(edit.file) ?? readFileSync(join(PROJECT_FOLDER, edit.file), 'utf8');
      texts.set(edit.file, planted(text, edit));
    }
    expect(() => parseFaults(faults)).not.toThrow();
  });

  it('are refused where the program has moved on', () => {
    const edit = { file: 'a.ts', from: 'one', to: 'two' };
    expect(planted('one three', edit)).toBe('two three');
    expect(() => planted('three', edit)).toThrow('stands 0 times in a.ts');
    expect(() => planted('one one', edit)).toThrow('stands 2 times in a.ts');
  });
});
