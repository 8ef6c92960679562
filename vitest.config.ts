import { defineConfig } from 'vitest/config';

// Unit tests stand beside the code; test/ holds what spans folders. Built files are never tested.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'drivers/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts'],
    testTimeout: 20_000,
    maxWorkers: 2,
  },
});
