import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { childAbort, onAbort } from './abort.ts';

it('aborts with its parent, with the reason', () => {
  const parent = new AbortController();
  const child = childAbort(parent.signal);
  parent.abort('stop');
  expect(child.signal.reason).toBe('stop');
  expect(childAbort(parent.signal).signal.aborted).toBe(true);
});

it('aborts alone without its parent', () => {
  const parent = new AbortController();
  const child = childAbort(parent.signal);
  child.abort();
  expect([child.signal.aborted, parent.signal.aborted]).toEqual([true, false]);
});

it('leaves one listener at a parent that lives on, whatever waited under it', () => {
  const parent = new AbortController();
  for (let n = 0; n < 100; n++) childAbort(parent.signal).release();
  expect(getEventListeners(parent.signal, 'abort')).toHaveLength(1);
});

it('does what waits for the abortion once, in the order in which it was asked for, and not what was called off', () => {
  const controller = new AbortController();
  const done: string[] = [];
  onAbort(controller.signal, () => done.push('first'));
  onAbort(controller.signal, () => done.push('called off'))();
  onAbort(controller.signal, () => done.push('second'));
  controller.abort();
  controller.abort();
  expect(done).toEqual(['first', 'second']);
});

it('aborts with the first of two parents and no more with the other', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const child = childAbort(one.signal, other.signal);
  other.abort('stop');
  child.release();
  expect(child.signal.reason).toBe('stop');
  one.abort('too late');
  expect(child.signal.reason).toBe('stop');
  expect(childAbort(new AbortController().signal, other.signal).signal.reason).toBe('stop');
});
