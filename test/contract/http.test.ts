import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import { createServer as createPlainServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostClock } from '../../src/host/clock.ts';
import { hostHttp } from '../../src/host/http.ts';
import type { HttpRequest } from '../../src/machine/http.ts';
import { type Authority, type IssuedCertificate, issue, makeAuthority } from '../../src/sandbox/certificates.ts';
import { simClock } from '../../src/sim/clock.ts';
import { type HttpFault, type SimServer, simHttp } from '../../src/sim/http.ts';
import { createWorld } from '../../src/sim/world.ts';
import { httpContract } from './http.contract.ts';

let authority: Authority;
let server: IssuedCertificate;
let client: IssuedCertificate;

beforeAll(async () => {
  authority = await makeAuthority('Test authority');
  server = await issue(authority, { commonName: 'operator', dnsNames: ['localhost'], usage: 'server' });
  client = await issue(authority, { commonName: 'site', usage: 'client' });
});

function identity() {
  return { trustPem: [authority.certificatePem], certificatePem: client.certificatePem, keyPem: client.keyPem };
}

const servers: Server[] = [];
afterAll(() => {
  for (const each of servers) each.close();
});

async function listen(each: Server): Promise<string> {
  servers.push(each);
  await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
  const address = each.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `https://localhost:${address.port}`;
}

function tls(options: ServerOptions = {}): ServerOptions {
  const trust = { ca: authority.certificatePem, requestCert: true, rejectUnauthorized: true };
  return { cert: server.certificatePem, key: server.keyPem, ...trust, ...options };
}

async function bodyOf(message: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

const KEPT = [
  ['a connection for each request', 0],
  ['kept connections', 2_000],
] as const;

for (const [how, keptMs] of KEPT)
  httpContract({
    name: `host (HTTPS with client certificate, ${how})`,
    run: async (handle, body) => {
      let url = '';
      const answer = async (message: IncomingMessage, response: ServerResponse) => {
        expect((message.socket as TLSSocket).getPeerCertificate().subject.CN).toBe('site');
        const headers = Object.fromEntries(
          Object.entries(message.headers).map(([name, value]) => [name, String(value)]),
        );
        const method = message.method === 'GET' ? 'GET' : 'POST';
        const request = { method, url: url + message.url, headers, body: await bodyOf(message) } as const;
        const {
          status,
          headers: sent,
          body: text,
          afterMs = 0,
        } = await handle({ ...request, withinMs: 0, answerBytesMax: 0 });
        await delay(afterMs, undefined, { ref: false });
        response.writeHead(status, sent).end(text);
      };
      const https = createServer(tls(), (message, response) => void answer(message, response));
      url = await listen(https);
      const http = hostHttp(identity(), keptMs);
      const vanish = async () => {
        https.closeAllConnections();
        await new Promise((resolve) => https.close(resolve));
      };
      await body({ http, clock: hostClock(), url, vanish });
      await http.close();
      await vanish();
    },
  });

httpContract({
  name: 'sim',
  run: (handle, body) => {
    const world = createWorld(6);
    let isThere = true;
    const weather = (): HttpFault | undefined => (isThere ? undefined : { kind: 'refused' });
    const http = simHttp(world, { server: handle, weather });
    const vanish = async () => {
      isThere = false;
    };
    return world.run(() => body({ http, clock: simClock(world, 0), url: 'https://operator.invalid', vanish }));
  },
});

function post(url: string, withinMs = 5_000): HttpRequest {
  return { method: 'POST', url, headers: {}, body: Uint8Array.of(1, 2, 3), withinMs, answerBytesMax: 1_000 };
}

const notSent = (why: RegExp | string) => ({
  kind: 'not-sent',
  failure: { code: 'operator-unreachable', detail: expect.stringMatching(why) },
});
const noAnswer = { kind: 'no-answer', failure: { code: 'operator-no-answer' } };

describe('whether a byte of the message can have left', () => {
  const ok = (_: IncomingMessage, response: { end(): void }) => response.end();

  it('no: the name is not known', async () => {
    expect(await hostHttp(identity()).send(post('https://operator.invalid/'))).toMatchObject(
      notSent(/ENOTFOUND|EAI_AGAIN/),
    );
  });

  it('no: the server is not trusted', async () => {
    const url = await listen(createServer(tls(), ok));
    const stranger = await makeAuthority('Somebody else');
    const http = hostHttp({ ...identity(), trustPem: [stranger.certificatePem] });
    expect(await http.send(post(url))).toMatchObject(notSent(/certificate/));
    expect(await hostHttp({ ...identity(), trustPem: [] }).send(post(url))).toMatchObject(notSent(/certificate/));
  });

  it('no: the certificate is for another name', async () => {
    const url = await listen(createServer(tls(), ok));
    expect(await hostHttp(identity()).send(post(url.replace('localhost', '127.0.0.1')))).toMatchObject(
      notSent(/altnames/),
    );
  });

  it('no: the server refuses our certificate in the handshake', async () => {
    const url = await listen(createServer(tls({ maxVersion: 'TLSv1.2' }), ok));
    expect(await hostHttp({ trustPem: [authority.certificatePem] }).send(post(url))).toMatchObject(notSent(/alert/));
  });

  it('no: the connection breaks in the handshake, or the handshake takes too long', async () => {
    const breaking = await listen(createPlainServer((socket) => socket.destroy()));
    expect(await hostHttp(identity()).send(post(breaking))).toMatchObject(notSent(/ECONNRESET|disconnected/));
    const silent = await listen(createPlainServer((socket) => socket.on('error', () => undefined).resume()));
    expect(await hostHttp(identity()).send(post(silent, 150))).toMatchObject(notSent('150 ms'));
  });

  it('perhaps: TLS 1.3 tells of a refused certificate only after the handshake', async () => {
    const url = await listen(createServer(tls({ minVersion: 'TLSv1.3' }), ok));
    expect(await hostHttp({ trustPem: [authority.certificatePem] }).send(post(url))).toMatchObject(noAnswer);
  });

  it('yes: the connection breaks when the server has the request, and it is not sent again', async () => {
    let requests = 0;
    const https = createServer(tls(), (message) => {
      requests++;
      message.socket.destroy();
    });
    expect(await hostHttp(identity()).send(post(await listen(https)))).toMatchObject(noAnswer);
    expect(requests).toBe(1);
  });

  it('yes: the answer breaks off, or trickles without end', async () => {
    const breaking = createServer(tls(), (_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    expect(await hostHttp(identity()).send(post(await listen(breaking)))).toMatchObject(noAnswer);
    const trickling = createServer(tls(), (_, response) => {
      const timer = setInterval(() => response.write('.'), 10);
      response.on('close', () => clearInterval(timer));
    });
    expect(await hostHttp(identity()).send(post(await listen(trickling), 200))).toMatchObject(noAnswer);
  });
});

describe('faults of the simulated server', () => {
  const ask = async (fault: HttpFault | undefined) => {
    let worked = 0;
    const handle: SimServer = () => {
      worked++;
      return { status: 200, body: new Uint8Array(0), afterMs: 100 };
    };
    const world = createWorld(6);
    const http = simHttp(world, { server: handle });
    http.faultNext(fault);
    const outcome = await world.run(() => http.send(post('https://operator.invalid/', 1_000)));
    return { kind: outcome.kind, worked, at: world.monotonicMs() };
  };

  it('each leaves the server and the client knowing what they would', async () => {
    expect(await ask(undefined)).toEqual({ kind: 'answer', worked: 1, at: 100 });
    expect(await ask({ kind: 'refused' })).toEqual({ kind: 'not-sent', worked: 0, at: 0 });
    expect(await ask({ kind: 'request-lost' })).toEqual({ kind: 'no-answer', worked: 0, at: 1_000 });
    expect(await ask({ kind: 'answer-lost' })).toEqual({ kind: 'no-answer', worked: 1, at: 1_000 });
    expect(await ask({ kind: 'slow', byMs: 500 })).toEqual({ kind: 'answer', worked: 1, at: 600 });
    expect(await ask({ kind: 'slow', byMs: 5_000 })).toEqual({ kind: 'no-answer', worked: 1, at: 1_000 });
  });
});

describe('kept connections', () => {
  async function counting(options: { keepAliveTimeout?: number; close?: boolean }) {
    let opened = 0;
    const https = createServer({ ...tls(), ...options }, (_, response) => {
      if (options.close) response.setHeader('connection', 'close');
      response.end('yes');
    });
    https.on('secureConnection', () => {
      opened += 1;
    });
    return { url: await listen(https), opened: () => opened };
  }

  it.each([
    ['one for all that come one after another', 2_000, {}, 1],
    ['none is kept where nobody asks for it', 0, {}, 3],
    ['none of a server that keeps none', 2_000, { close: true }, 3],
  ])('%s', async (_, keptMs, options, expected) => {
    const { url, opened } = await counting(options);
    const http = hostHttp(identity(), keptMs);
    for (let n = 0; n < 3; n++) expect(await http.send(post(url))).toMatchObject({ kind: 'answer' });
    expect(opened()).toBe(expected);
    await http.close();
  });

  it('one that the server has closed is not used', async () => {
    const { url, opened } = await counting({ keepAliveTimeout: 20 });
    const http = hostHttp(identity(), 2_000);
    expect(await http.send(post(url))).toMatchObject({ kind: 'answer' });
    // Node's server adds up to a second.
    await delay(1_300);
    expect(await http.send(post(url))).toMatchObject({ kind: 'answer' });
    expect(opened()).toBe(2);
    await http.close();
  });
});
