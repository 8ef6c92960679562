import { expect, test } from 'vitest';
import { gasPack } from '../message/message.testkit.ts';
import { packId } from '../message/pack.ts';
import type { SiteLine } from '../relay/registry.ts';
import { aSite, GAS } from './app.testkit.ts';
import { refuseForeignSite } from './foreign-order.ts';

const SENDER = { id: '27ZG500Z0000000B', codingScheme: '15' };
const STRANGER = { id: '27XSTRANGER----X', codingScheme: '15' };
const LINE: SiteLine = {
  site: 'park',
  number: 7,
  key: 'A'.repeat(43),
  senders: [SENDER.id],
  points: [GAS],
  revoked: false,
};
const TAKES = { packs: new Map([[packId(gasPack), gasPack]]), senders: new Set([SENDER.id, STRANGER.id]) };
const gas = { sender: SENDER, receiver: SENDER, pack: gasPack.name };

const take = (changes: Record<string, unknown>, line = LINE, takes = TAKES) =>
  refuseForeignSite(JSON.stringify({ text: JSON.stringify(aSite({ market: { gas }, ...changes })) }), line, takes);

test('a site file whose messages the centre takes is signed', () => {
  expect(() => take({})).not.toThrow();
  expect(() => take({ number: 7 })).not.toThrow();
  expect(() => take({ market: { gas: { ...gas, pack: `any/${gasPack.name}` } } })).not.toThrow();
});

test.each<[string, Record<string, unknown>, RegExp]>([
  ['another sender', { market: { gas: { ...gas, sender: STRANGER } } }, /gas\.sender: the registry does not name 27XS/],
  ['another number', { number: 8 }, /number: it is 8, the registry says 7/],
  ['another site', { site: 'other' }, /site: it is "other"/],
  ['an unknown pack', { market: { gas: { ...gas, pack: 'ote/foreign' } } }, /has no pack "ote\/foreign" for gas/],
  ['a pack of another commodity', { market: { electricity: gas } }, /electricity\.pack: the relay has no pack/],
])('%s is refused before it is signed', (_, changes, why) => {
  expect(() => take(changes)).toThrow(why);
});

test('a point that the registry does not name, and a sender that the relay has no way for, are refused', () => {
  expect(() => take({}, { ...LINE, points: ['27ZG500Z00000099'] })).toThrow(/points: the registry does not name/);
  expect(() => take({}, LINE, { ...TAKES, senders: new Set() })).toThrow(/relay\.yaml has no sender/);
});

test('what is no site file is for the site to judge', () => {
  expect(() => refuseForeignSite(JSON.stringify({ text: 'site: park\n' }), LINE, TAKES)).not.toThrow();
});
