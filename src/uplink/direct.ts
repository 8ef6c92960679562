import { type Failure, failure, OdecetError } from '../core/failure.ts';
import type { AttemptOutcome, Message, Receipt } from '../core/message.ts';
import type { Millis, UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Http, HttpOutcome, HttpRequest } from '../machine/http.ts';
import type { Sealable } from '../machine/sealer.ts';
import type { Envelopes } from './envelopes.ts';
import { openBody, openEnvelope } from './soap.ts';

/** An answer to one message is short; a longer one is not from this service. */
const ANSWER_BYTES_MAX = 100_000;

/** A message as it goes to the operator; a centre has its document packed, as the site did it. */
export type Outgoing = Omit<Message, 'xml' | 'carried'> & { readonly xml: Sealable };

/** Lets what goes to the operator go, or does not; until then it waits, sealed. */
export type Turn = (send: () => Promise<HttpOutcome>) => Promise<HttpOutcome>;

export interface DirectDeps {
  readonly http: Http;
  readonly clock: Clock;
  readonly envelopes: Envelopes;
  readonly url: string;
  /** Empty where the operator's WSDL names none. */
  readonly soapAction: string;
  readonly answerWithinMs: Millis;
  /** Classifies a business answer by the format pack's table. */
  readonly readAnswer: (xml: string, message: Outgoing, receivedAt: UtcMs) => Receipt;
  /** At once where it is absent. */
  readonly turn?: Turn;
}

/** How one try ended. A receipt comes with `answered` only; `failure` with everything but an accepted answer. */
export interface Delivery {
  readonly outcome: AttemptOutcome;
  readonly detail: string;
  readonly receipt?: Receipt;
  readonly failure?: Failure;
}

/**
 * One try to hand one message to the operator. Never throws for what the network or the operator does; rejects with OdecetError
 * unexpected when the verifying of an answer broke off: the outcome is then as unknown as without an answer.
 */
export async function deliver(message: Outgoing, deps: DirectDeps, signal?: AbortSignal): Promise<Delivery> {
  const sealed = await seal(message, deps.envelopes);
  if (!(sealed instanceof Uint8Array)) return failed('not-sent', sealed);
  const turn: Turn = deps.turn ?? ((send) => send());
  const request: HttpRequest = {
    method: 'POST',
    url: deps.url,
    headers: { 'content-type': 'text/xml; charset=utf-8', soapaction: `"${deps.soapAction}"` },
    body: sealed,
    withinMs: deps.answerWithinMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  };
  const outcome = await turn(() => deps.http.send(request, signal));
  if (outcome.kind !== 'not-sent') deps.envelopes.left(message.id);
  if (outcome.kind !== 'answer') return failed(outcome.kind, outcome.failure);
  return judge(outcome, message, deps);
}

async function seal(message: Outgoing, envelopes: Envelopes): Promise<Uint8Array | Failure> {
  try {
    return await envelopes.sealed(message);
  } catch (error) {
    if (error instanceof OdecetError) return error.failure;
    throw error;
  }
}

type HttpAnswer = Extract<HttpOutcome, { kind: 'answer' }>;

/** A fault needs no signature: all it can do is to make the same message go again. Everything else must be signed. */
async function judge(answer: HttpAnswer, message: Outgoing, deps: DirectDeps): Promise<Delivery> {
  const text = new TextDecoder().decode(answer.body);
  const receivedAt = deps.clock.now();
  const verified = await deps.envelopes.verified(text, receivedAt);
  const opened = verified.ok ? openBody(verified.body) : openEnvelope(text);
  if (opened.kind === 'fault')
    return failed(
      'fault',
      failure('operator-fault', `SOAP fault ${opened.code}: ${opened.text} (HTTP ${answer.status})`),
    );
  if (opened.kind === 'none' && answer.status !== 200)
    return failed('fault', failure('operator-fault', `HTTP ${answer.status} without a SOAP answer: ${opened.why}`));
  if (!verified.ok) return answered(unknownReceipt(message, verified.failure, receivedAt, text), verified.failure);
  if (opened.kind !== 'document') {
    const odd = failure('operator-answer-unknown', 'the signed answer holds no document');
    return answered(unknownReceipt(message, odd, receivedAt, text), odd);
  }
  const receipt = deps.readAnswer(opened.xml, message, receivedAt);
  return answeredBy(receipt);
}

/** An answer that must not be believed is kept word for word, as unknown. */
function unknownReceipt(message: Outgoing, why: Failure, receivedAt: UtcMs, xml: string): Receipt {
  return {
    message: message.id,
    verdict: 'unknown',
    reasons: [{ code: why.code, type: 'odecet', text: why.detail }],
    receivedAt,
    xml,
  };
}

/** What a classified answer means for the message. */
export function answeredBy(receipt: Receipt): Delivery {
  return answered(receipt, failureOf(receipt));
}

function failureOf(receipt: Receipt): Failure | undefined {
  if (receipt.verdict === 'accepted') return undefined;
  const code = receipt.verdict === 'rejected' ? 'operator-rejected' : 'operator-answer-unknown';
  return failure(code, `message ${receipt.message}: ${reasonsText(receipt)}`);
}

function answered(receipt: Receipt, problem: Failure | undefined): Delivery {
  const detail = `${receipt.verdict}: ${reasonsText(receipt)}`;
  return { outcome: 'answered', detail, receipt, ...(problem && { failure: problem }) };
}

function failed(outcome: 'not-sent' | 'no-answer' | 'fault', problem: Failure): Delivery {
  return { outcome, detail: `${problem.code}: ${problem.detail}`, failure: problem };
}

function reasonsText(receipt: Receipt): string {
  if (receipt.reasons.length === 0) return 'the answer gives no reason';
  return receipt.reasons
    .map(({ code, type, resultCode, text }) => [code, type, resultCode, text].filter(Boolean).join(' '))
    .join('; ');
}
