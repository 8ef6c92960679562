import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/machine/clock.ts';
import type { Http, HttpRequest } from '../../src/machine/http.ts';
import type { SimServer } from '../../src/sim/http.ts';

/** A client, and a server that trusts it. */
export interface HttpScene {
  readonly http: Http;
  readonly clock: Clock;
  readonly url: string;
  /** Nobody listens any more. */
  readonly vanish: () => Promise<void>;
}

export interface HttpSubject {
  readonly name: string;
  run(server: SimServer, body: (scene: HttpScene) => Promise<void>): Promise<void>;
}

const LONG_MS = 10_000;
/** Longer than any time limit of these tests. */
const NEVER_MS = 60_000;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function post(url: string, change: Partial<HttpRequest> = {}): HttpRequest {
  const headers = { 'content-type': 'text/xml', SOAPAction: '"submit"' };
  return { method: 'POST', url, headers, body: bytes('<a/>'), withinMs: LONG_MS, answerBytesMax: 1_000, ...change };
}

export function httpContract(subject: HttpSubject): void {
  const withServer = (server: SimServer, body: (scene: HttpScene) => Promise<void>) => () => subject.run(server, body);
  const unanswered = { kind: 'no-answer', failure: { code: 'operator-no-answer' } };

  describe(`http: ${subject.name}`, () => {
    const heard: HttpRequest[] = [];
    const telling: SimServer = (request) => {
      heard.push(request);
      return { status: 200, headers: { 'Content-Type': 'text/xml' }, body: bytes('<ok/>') };
    };

    it(
      'brings method, headers and body there, and status, headers and body back',
      withServer(telling, async ({ http, url }) => {
        heard.length = 0;
        const outcome = await http.send(post(`${url}/cds?x=1`));
        expect(outcome).toMatchObject({ kind: 'answer', status: 200, headers: { 'content-type': 'text/xml' } });
        expect(outcome.kind === 'answer' && outcome.body).toEqual(bytes('<ok/>'));
        expect(heard).toHaveLength(1);
        expect(heard[0]).toMatchObject({ method: 'POST', url: `${url}/cds?x=1`, body: bytes('<a/>') });
        expect(Object.keys(heard[0]?.headers ?? {}).map((name) => name.toLowerCase())).toContain('soapaction');
      }),
    );

    it(
      'asks without a body',
      withServer(telling, async ({ http, url }) => {
        heard.length = 0;
        const { body: _, ...rest } = post(`${url}/`);
        expect(await http.send({ ...rest, method: 'GET' })).toMatchObject({ kind: 'answer', status: 200 });
        expect(heard[0]?.method).toBe('GET');
      }),
    );

    it(
      'carries a large body whole',
      withServer(
        (request) => ({ status: 200, body: bytes(String(request.body?.length)) }),
        async ({ http, url }) => {
          const outcome = await http.send(post(`${url}/`, { body: new Uint8Array(3_000_000) }));
          expect(outcome).toMatchObject({ kind: 'answer', body: bytes('3000000') });
        },
      ),
    );

    for (const status of [202, 302, 404, 500, 503])
      it(
        `status ${status} is an answer, and asked for once`,
        withServer(
          (request) => {
            heard.push(request);
            return { status, headers: { location: '/elsewhere' }, body: bytes('why') };
          },
          async ({ http, url }) => {
            heard.length = 0;
            expect(await http.send(post(`${url}/`))).toMatchObject({ kind: 'answer', status, body: bytes('why') });
            expect(heard).toHaveLength(1);
          },
        ),
      );

    it(
      'not sent, when nobody listens',
      withServer(telling, async ({ http, url, vanish }) => {
        await vanish();
        expect(await http.send(post(`${url}/`))).toMatchObject({
          kind: 'not-sent',
          failure: { code: 'operator-unreachable' },
        });
      }),
    );

    it(
      'no answer, when the server takes longer than allowed, and not before',
      withServer(
        () => ({ status: 200, body: bytes('late'), afterMs: NEVER_MS }),
        async ({ http, clock, url }) => {
          const before = clock.monotonicMs();
          expect(await http.send(post(`${url}/`, { withinMs: 150 }))).toMatchObject(unanswered);
          expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(150);
        },
      ),
    );

    it(
      'an answer of just the greatest length is taken, a longer one is none',
      withServer(
        (request) => ({ status: 200, body: new Uint8Array(request.url.endsWith('long') ? 1_001 : 1_000) }),
        async ({ http, url }) => {
          expect(await http.send(post(`${url}/just`))).toMatchObject({ kind: 'answer' });
          expect(await http.send(post(`${url}/long`))).toMatchObject(unanswered);
        },
      ),
    );

    it(
      "rejects with the signal's reason",
      withServer(
        () => ({ status: 200, body: bytes('late'), afterMs: NEVER_MS }),
        async ({ http, clock, url }) => {
          const controller = new AbortController();
          const reason = new Error('enough');
          const sending = expect(http.send(post(`${url}/`), controller.signal)).rejects.toBe(reason);
          await clock.sleep(50);
          controller.abort(reason);
          await sending;
          await expect(http.send(post(`${url}/`), controller.signal)).rejects.toBe(reason);
        },
      ),
    );

    it(
      'several requests at once keep apart',
      withServer(
        (request) => ({ status: 200, body: bytes(request.url.slice(-1)), afterMs: Number(request.url.slice(-1)) * 10 }),
        async ({ http, url }) => {
          const outcomes = await Promise.all([3, 1, 2].map((n) => http.send(post(`${url}/${n}`))));
          expect(outcomes.map((outcome) => outcome.kind === 'answer' && String.fromCharCode(...outcome.body))).toEqual([
            '3',
            '1',
            '2',
          ]);
        },
      ),
    );
  });
}
