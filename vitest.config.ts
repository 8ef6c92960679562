import { defineConfig } from 'vitest/config';

/**
 * Unit tests stand beside the code; test/ holds what spans folders. Built files are never tested. Integration tests run real
 * programs, most on a clock that runs thousands of times faster, which load disturbs: one file at a time, and after all others.
 */
const INTEGRATION = 'test/integration/**/*.test.ts';
/** Those that run at the machine's own pace and mostly wait: two files at a time disturb nobody, and save three minutes. */
const AT_OWN_PACE = [
  'relay-faults',
  'relay-refusals',
  'relay-tls',
  'relay-several',
  'field',
  'start',
  'damage',
  'power-cut',
  'full-disk',
  'node-mbus',
].map((name) => `test/integration/${name}.test.ts`);
/** Two hundred simulated sites, hundreds of messages through relays that are killed on the way: minutes each, by scripts/soak. */
const SOAK = 'test/soak/**/*.test.ts';

export default defineConfig({
  test: {
    testTimeout: 20_000,
    maxWorkers: 2,
    reporters: ['default', './test/kit/run-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'drivers/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: [INTEGRATION, SOAK, '**/node_modules/**'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: [INTEGRATION],
          exclude: [...AT_OWN_PACE, '**/node_modules/**'],
          globalSetup: 'test/kit/built.ts',
          testTimeout: 30_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'integration-at-own-pace',
          include: AT_OWN_PACE,
          globalSetup: 'test/kit/built.ts',
          testTimeout: 30_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'soak',
          include: [SOAK],
          globalSetup: 'test/kit/built.ts',
          testTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
