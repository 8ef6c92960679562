import { expect, test } from 'vitest';
import { topicOf } from '../uplink/relay/topics.ts';
import { createSiteView } from './site-view.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('what a site says reaches no terminal as a command', () => {
  const view = createSiteView();
  const clear = '\u001b[2J\u009b31m';
  const said = {
    state: `${clear}ready${'!'.repeat(1_000)}`,
    status: JSON.stringify({ v: 1, site: 'site-a', at: clear }, undefined, 1),
    'alert/x': JSON.stringify({ id: clear, code: clear, detail: clear, since: clear }),
  } as const;
  for (const what of ['state', 'status', 'alert/x'] as const)
    view.told({ topic: topicOf('site-a', what), payload: bytes(said[what]), retained: true });
  const [site] = view.sites();
  expect(site).toMatchObject({
    status: { v: 1, at: expect.stringContaining('31m') },
    alerts: [{ id: site?.status?.at }],
  });
  expect(site?.state.length).toBeLessThanOrEqual(20);
  expect(JSON.stringify(view.sites())).not.toMatch(/\\u00|\p{Cc}/u);
});

test('an alert goes with an empty word, a state and a status are replaced', () => {
  const view = createSiteView();
  const say = (what: 'state' | 'status' | 'alert/x', text: string) =>
    view.told({ topic: topicOf('site-a', what), payload: bytes(text), retained: false });
  say('alert/x', JSON.stringify({ id: 'x', code: 'c', detail: 'd', since: 's' }));
  say('state', 'init');
  say('state', 'ready');
  say('status', 'no JSON');
  expect(view.sites()).toMatchObject([{ site: 'site-a', state: 'ready', alerts: [{ id: 'x', detail: 'd' }] }]);
  say('alert/x', '');
  expect(view.sites()).toEqual([{ site: 'site-a', state: 'ready', alerts: [], moreAlerts: 0 }]);
});

test('what relays say of a site stands in its line, also of one that never spoke', () => {
  const view = createSiteView();
  const say = (topic: string, text: string) => view.told({ topic, payload: bytes(text), retained: true });
  const silent = { id: 'site-b-silent', code: 'site-silent', detail: 'd', since: 's', site: 'site-b' };
  say('odecet/1/relay/alert/site-b-silent', JSON.stringify(silent));
  say('odecet/1/site-b/state', 'never');
  say('odecet/1/centre-1/alert/store-failing', JSON.stringify({ ...silent, id: 'store-failing', site: undefined }));
  expect(view.sites()).toMatchObject([
    { site: 'centre-1', alerts: [{ id: 'store-failing' }] },
    { site: 'site-b', state: 'never', alerts: [silent] },
  ]);
  say('odecet/1/relay/alert/site-b-silent', '');
  expect(view.sites()).toMatchObject([{}, { site: 'site-b', alerts: [] }]);
});

test('a site that says thousands of alerts costs little, and they are counted', () => {
  const view = createSiteView();
  const say = (id: string, text: string) =>
    view.told({ topic: topicOf('site-a', `alert/${id}`), payload: bytes(text), retained: true });
  const text = JSON.stringify({ id: 'x', code: 'c', detail: 'd', since: 's' });
  for (let n = 0; n < 20_000; n++) say(`x-${n}`, text);
  say('y'.repeat(5_000), text);
  expect(view.sites()).toMatchObject([{ alerts: { length: 100 }, moreAlerts: 10_000 }]);
  for (let n = 0; n < 5_000; n++) say(`x-${n}`, '');
  expect(view.sites()).toMatchObject([{ alerts: { length: 0 }, moreAlerts: 5_100 }]);
});
