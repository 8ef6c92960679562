import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

/**
 * Writes what scripts/test says at its end into the file named by ODECET_TEST_RUN: a line `passed failed`, then each skipped
 * test with its reason. The reason stands in the test's name or in the note of the skip.
 */
export default class RunReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const file = process.env.ODECET_TEST_RUN;
    if (!file) return;
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string) => tests.filter((test) => test.result().state === state);
    // A file that cannot even be loaded has no tests that could fail.
    const broken = modules.filter((module) => module.errors().length > 0).length;
    const skipped = inState('skipped').map((test) => {
      const result = test.result();
      const note = result.state === 'skipped' && result.note ? ` (${result.note})` : '';
      return `${test.module.relativeModuleId}: ${test.fullName}${note}`;
    });
    mkdirSync(dirname(file), { recursive: true });
    const counts = `${inState('passed').length} ${inState('failed').length + broken}`;
    writeFileSync(file, `${[counts, ...skipped].join('\n')}\n`);
  }
}
