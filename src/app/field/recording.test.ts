import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRecording, recordingHead, recordingLine } from './recording.ts';
import { hexOf } from './tap.ts';

const HEAD = recordingHead({ id: 'hall', framing: 'mbus' });

test('a recording is lines of time, direction and bytes', () => {
  const frames = [
    { at: 1_774_677_600_120, way: 'sent', hex: '1040014116' },
    { at: 1_774_677_600_171, way: 'received', hex: 'e5' },
    { at: 1_774_677_601_000, hex: 'ff00' },
  ] as const;
  expect(HEAD + frames.map(recordingLine).join('')).toBe(`# odecet recording 1, line hall, framing mbus
2026-03-28T06:00:00.120Z > 10 40 01 41 16
2026-03-28T06:00:00.171Z < e5
2026-03-28T06:00:01.000Z ? ff 00
`);
});

test('what was written is read again', () => {
  const frame = fc.record(
    {
      at: fc.integer({ min: 0, max: 4e12 }),
      way: fc.constantFrom('sent' as const, 'received' as const),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    },
    { requiredKeys: ['at', 'bytes'] },
  );
  fc.assert(
    fc.property(fc.array(frame), (frames) => {
      const text = HEAD + frames.map((each) => recordingLine({ ...each, hex: hexOf(each.bytes) })).join('');
      expect(parseRecording(text, 'a.rec')).toEqual({ line: 'hall', framing: 'mbus', frames });
    }),
  );
});

test('remarks, empty lines and Windows line ends are passed over', () => {
  const text = `${HEAD}\r\n# by hand\r\n2026-03-28T06:00:00Z < E5\r\n`;
  expect(parseRecording(text, 'a.rec').frames).toEqual([
    { at: 1_774_677_600_000, way: 'received', bytes: Uint8Array.of(0xe5) },
  ]);
});

test.each([
  ['68 0a\n', 'a.rec:1: not a recording'],
  ['# odecet recording 2, line hall, framing mbus\n', 'a.rec:1: not a recording'],
  [`${HEAD}# remark\n2026-03-28T06:00:00Z = e5\n`, 'a.rec:3: "2026-03-28T06:00:00Z = e5"'],
  [`${HEAD}2026-03-28T06:00:00Z < e\n`, 'a.rec:2: '],
  [`${HEAD}28.3.2026 < e5\n`, 'a.rec:2: "28.3.2026" is no instant'],
])('%j is refused by its place', (text, detail) => {
  expect(() => parseRecording(text, 'a.rec')).toThrow(
    expect.objectContaining({ failure: { code: 'usage', detail: expect.stringContaining(detail) } }),
  );
});
