import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/app/project.ts';

/** Integration tests run the program as it is built: built first when sources are newer. */
export default function build(): void {
  execFileSync(join(PROJECT_FOLDER, 'scripts/odecet'), ['--version'], { stdio: ['ignore', 'ignore', 'inherit'] });
}
