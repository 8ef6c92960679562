import { expect, test } from 'vitest';
import { memoryLog } from '../buffer/buffer.testkit.ts';
import type { EndedCommand, GivenCommand } from '../relay/given-command.ts';
import { openCommandLog, readCommandHistory } from './command-log.ts';

const AT = Date.UTC(2026, 5, 1, 8);

function given(n: number): GivenCommand {
  const id = String(n).padStart(32, '0');
  const signed = `${'0'.repeat(128)}\n{"id":"${id}"}`;
  return { site: 'site-a', id, kind: 'diagnose', by: 'jn', madeAt: AT, expiresAt: AT + 60_000, body: '{}', signed };
}

function ended(n: number, result = '{"value":"12.5"}'): EndedCommand {
  return { id: given(n).id, outcome: 'done', reason: '', detail: 'well', at: AT + 1_000, result };
}

async function filled() {
  const file = memoryLog();
  const log = await openCommandLog(file);
  // Side by side: each is chained to the one before all the same.
  await Promise.all([log.given(given(1)), log.given(given(2)), log.ended(ended(1))]);
  return file;
}

test('what was given and answered is read again, and what is open goes on after a restart', async () => {
  const file = await filled();
  const again = await openCommandLog(file);
  expect(again.open).toEqual([{ command: given(2), isTaken: false }]);
  await again.ended(ended(2));
  const { commands, faults } = await readCommandHistory(file);
  expect(faults).toEqual([]);
  expect(commands).toMatchObject([
    { given: given(1), ended: { outcome: 'done', at: AT + 1_000 } },
    { given: given(2), ended: { outcome: 'done' } },
  ]);
});

test('that a site has a command is known after a restart', async () => {
  const file = await filled();
  await (await openCommandLog(file)).taken(given(2).id, AT + 500);
  expect((await openCommandLog(file)).open).toEqual([{ command: given(2), isTaken: true }]);
});

test('a command that ended unanswered is heeded after a restart, and a late answer is the one that counts', async () => {
  const file = await filled();
  const log = await openCommandLog(file);
  await log.ended({ ...ended(2), outcome: 'unanswered', reason: 'command-unanswered' });
  const { id, site, signed } = given(2);
  const again = await openCommandLog(file);
  expect([again.open, again.unanswered]).toEqual([[], [{ id, site, signed }]]);
  await again.ended(ended(2));
  expect((await openCommandLog(file)).unanswered).toEqual([]);
  expect((await readCommandHistory(file)).commands[1]?.ended).toMatchObject({ outcome: 'done' });
});

test.each<[string, (lines: string[]) => string[]]>([
  ['changed', (lines) => lines.map((line) => line.replace('well', 'badly'))],
  ['taken out', (lines) => lines.filter((_, n) => n !== 1)],
  ['damaged', (lines) => lines.map((line, n) => (n === 1 ? line.slice(0, 20) : line))],
  ['put in another order', ([a, b, c]) => [b!, a!, c!]],
])('an entry that was %s is seen', async (_, harm) => {
  const file = await filled();
  file.kept = harm(file.kept);
  expect((await readCommandHistory(file)).faults).not.toEqual([]);
});

test('an entry that the power cut short was never given: the chain goes on', async () => {
  const file = await filled();
  file.kept.push('{"number":4,"te');
  const log = await openCommandLog(file);
  await log.given(given(3));
  const { faults, commands } = await readCommandHistory(file);
  expect([faults, commands.length]).toEqual([[], 3]);
});

test('a long result is not kept', async () => {
  const file = await filled();
  const log = await openCommandLog(file);
  await log.ended(ended(2, JSON.stringify('x'.repeat(100_000))));
  expect(file.kept.join('').length).toBeLessThan(10_000);
});
