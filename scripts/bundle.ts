import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { PROJECT_FOLDER } from '../src/app/project.ts';

/**
 * Packs the built program and the libraries it uses into few small files, dist/program: a gateway holds the text of what it has
 * loaded for as long as it runs, and this halves it. What has native parts, or files beside its code, stays where it is.
 */
const STAYS_OUTSIDE = [
  'classic-level',
  'serialport',
  'pg',
  'aedes',
  'libxml2-wasm',
  '@peculiar/x509',
  'reflect-metadata',
  'node-mbus',
  'sorted-btree',
  'sparkplug-payload',
];
const BUILT = join(PROJECT_FOLDER, 'dist', 'src');

const bundle = await rolldown({
  input: {
    main: join(BUILT, 'main.js'),
    'seal-worker': join(BUILT, 'app', 'seal-worker.js'),
    'read-worker': join(BUILT, 'app', 'read-worker.js'),
  },
  platform: 'node',
  external: [/^node:/, ...STAYS_OUTSIDE.map((name) => new RegExp(`^${name}(/|$)`))],
});
await bundle.write({
  dir: join(PROJECT_FOLDER, 'dist', 'program'),
  format: 'esm',
  // Names stay: what a crash says of itself must be readable.
  minify: { compress: true, mangle: false, codegen: true },
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  cleanDir: true,
});
await bundle.close();
