import { describe, expect, it } from 'vitest';
import type { Log } from '../../src/machine/log.ts';

export interface LoggedLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LogSubject {
  readonly name: string;
  /** A log at level info, and what came out of it so far. */
  open(): { readonly log: Log; readonly lines: () => LoggedLine[] };
}

export function logContract(subject: LogSubject): void {
  describe(`log: ${subject.name}`, () => {
    it('writes event, level and fields, in order', () => {
      const { log, lines } = subject.open();
      log.info('round-done', { devices: 10, line: 'roof' });
      log.warn('device-silent', { device: 'boiler' });
      log.error('store-full');
      expect(lines()).toEqual([
        { level: 'info', event: 'round-done', fields: { devices: 10, line: 'roof' } },
        { level: 'warn', event: 'device-silent', fields: { device: 'boiler' } },
        { level: 'error', event: 'store-full', fields: {} },
      ]);
    });

    it('drops what is below its level', () => {
      const { log, lines } = subject.open();
      log.debug('bytes', { hex: '10' });
      expect(lines()).toEqual([]);
    });

    it("a child adds its fields, and its child's to them", () => {
      const { log, lines } = subject.open();
      log.child({ line: 'roof' }).child({ device: 'boiler' }).info('read', { values: 3 });
      log.info('other');
      expect(lines().map((line) => line.fields)).toEqual([{ line: 'roof', device: 'boiler', values: 3 }, {}]);
    });

    it('never writes a secret, at any depth, in a list, a child or an error', () => {
      const { log, lines } = subject.open();
      const fields = {
        password: 'hunter2',
        keyPassword: 'hunter2',
        sim: { pin: 'hunter2', sim_pin: 'hunter2' },
        headers: [{ Authorization: 'hunter2' }, { 'x-api-token': 'hunter2' }],
        failure: Object.assign(new Error('refused'), { passphrase: 'hunter2' }),
        keys: ['hunter2'],
      };
      log.info('start', fields);
      log.child(fields).error('start');
      expect(JSON.stringify(lines())).not.toContain('hunter2');
      expect(lines()[0]?.fields.sim).toEqual({ pin: '[redacted]', sim_pin: '[redacted]' });
    });

    it('a word that only contains a secret one is no secret', () => {
      const { log, lines } = subject.open();
      log.info('start', { pinned: 'yes', monkey: 'yes', keypad: 'yes' });
      expect(lines()[0]?.fields).toEqual({ pinned: 'yes', monkey: 'yes', keypad: 'yes' });
    });

    it('writes errors with message and cause, bytes as hex, big integers as text', () => {
      const { log, lines } = subject.open();
      log.error('unexpected', {
        why: new Error('no', { cause: new RangeError('deeper') }),
        raw: Uint8Array.of(0x68, 0x0a),
        index: 12345678901234567890n,
      });
      expect(lines()[0]?.fields).toMatchObject({
        why: { name: 'Error', message: 'no', cause: { name: 'RangeError', message: 'deeper' } },
        raw: '680a',
        index: '12345678901234567890',
      });
    });

    it('survives a field that contains itself', () => {
      const { log, lines } = subject.open();
      const round: Record<string, unknown> = {};
      round.self = round;
      log.info('round', { round });
      expect(lines()).toHaveLength(1);
    });
  });
}
