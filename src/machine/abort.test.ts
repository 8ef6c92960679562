import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { childAbort } from './abort.ts';

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

it('leaves nothing behind at a parent that lives on', () => {
  const parent = new AbortController();
  childAbort(parent.signal).release();
  expect(getEventListeners(parent.signal, 'abort')).toHaveLength(0);
});

it('aborts with the first of two parents and leaves nothing at the other', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const child = childAbort(one.signal, other.signal);
  other.abort('stop');
  child.release();
  expect(child.signal.reason).toBe('stop');
  expect(getEventListeners(one.signal, 'abort')).toHaveLength(0);
  expect(childAbort(new AbortController().signal, other.signal).signal.reason).toBe('stop');
});
