import type { Buffer } from '../../buffer/index.ts';
import type { CommandBody } from '../../uplink/relay/command-bodies.ts';
import type { CommandLine, Performed } from '../../uplink/relay/command-taker.ts';

/**
 * Messages that wait for an answer go now, by the same id: no new message is ever made, so nothing can be taken twice. One that
 * the operator has accepted or rejected does not go again.
 */
export async function resend(
  buffer: Pick<Buffer, 'outbox' | 'messageState'>,
  { message }: CommandBody<'resend'>,
  line: Pick<CommandLine, 'sendAgain'>,
): Promise<Performed> {
  const heads = await buffer.outbox.heads();
  const chosen = heads.filter(({ message: head }) => message === undefined || head.id === message);
  if (message !== undefined && chosen.length === 0) {
    const state = await buffer.messageState(message);
    const detail = state === undefined ? `the site has no message ${message}` : `message ${message} is ${state}`;
    return { outcome: 'refused', reason: 'bad-body', detail: `${detail}; only what waits for an answer goes again` };
  }
  line.sendAgain(chosen.map(({ message: head }) => head.id));
  const messages = chosen.map(({ message: head, state, attempts }) => ({
    message: head.id,
    day: head.day,
    state,
    attempts,
  }));
  return { outcome: 'done', detail: `${chosen.length} messages go again by their ids`, result: { messages } };
}
