import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reqUd2, sndNke, sndUd } from './frame.ts';
import { hex } from './hex.ts';
import { answer, unhex } from './mbus.testkit.ts';
import { overheardTelegrams, showRequest } from './overheard.ts';

const ANSWER = answer('0c 13 27 04 85 02');
const FRAMES = [sndNke(1), Uint8Array.of(0xe5), reqUd2(1, true), ANSWER, sndUd(1, 0x50, Uint8Array.of(0x10))];
const TOLD = [
  ['sent', 'SND_NKE to address 1'],
  ['received', 'acknowledged'],
  ['sent', 'REQ_UD2 to address 1'],
  ['received', 'meter 12345678 KAM: volume 2850.427 m3'],
  ['sent', 'SND_UD to address 1 CI 50 10'],
];

const told = (bytes: Uint8Array) => overheardTelegrams(bytes).map(({ way, text }) => [way, text]);
const joined = (parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

test('frames in a row', () => {
  expect(told(joined(FRAMES))).toEqual(TOLD);
});

test('noise costs only itself: every frame behind it is heard', () => {
  // Bytes that begin frames stand in it too, with lengths that reach into what follows.
  const noises = ['00 ff 3c', '68', '68 40 40 68 08', '10', '68 03 03 68 08 01 72 00 16', 'e5 00'].map(unhex);
  for (const noise of noises)
    for (let at = 0; at < FRAMES.length; at++) {
      const bytes = joined([...FRAMES.slice(0, at), noise, ...FRAMES.slice(at)]);
      const heard = overheardTelegrams(bytes);
      const frames = heard.filter(({ text }) => !text.startsWith('no frame')).map(({ text }) => text);
      // A lone acknowledgement that stands right behind noise may be a byte of it.
      const certain = TOLD.map(([, text]) => text).filter((text) => text !== 'acknowledged');
      expect(frames.filter((text) => text !== 'acknowledged')).toEqual(certain);
      expect(hex(joined(heard.map((each) => each.bytes)))).toBe(hex(bytes));
    }
});

test('what begins like a telegram is told with its fault', () => {
  const broken = ANSWER.with(-2, 0);
  expect(told(broken)).toEqual([
    [undefined, expect.stringMatching(/^no frame: the checksum is 00.*\[frame-checksum\]$/)],
  ]);
  expect(told(ANSWER.subarray(0, 20))).toEqual([[undefined, expect.stringContaining('[frame-truncated]')]]);
});

test('any bytes are told whole and in order', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...FRAMES), (bytes, frame) => {
      const all = joined([bytes, frame]);
      expect(hex(joined(overheardTelegrams(all).map((each) => each.bytes)))).toBe(hex(all));
    }),
  );
});

test('requests and acknowledgements as JSON; answers and broken frames are none', () => {
  expect(showRequest(Uint8Array.of(0xe5))).toEqual({ frame: 'acknowledgement' });
  const request = { frame: 'request', request: 'REQ_UD2', address: 1, control: '7b' };
  expect(showRequest(reqUd2(1, true))).toEqual(request);
  const command = {
    frame: 'request',
    request: 'SND_UD',
    address: 1,
    control: expect.stringMatching(/^[57]3$/),
    ci: '50',
    data: '10',
  };
  expect(showRequest(FRAMES[4]!)).toEqual(command);
  expect(showRequest(ANSWER)).toBeUndefined();
  expect(showRequest(sndNke(1).with(3, 0))).toBeUndefined();
});
