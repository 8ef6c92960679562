import { type Failure, failure } from '../../src/core/failure.ts';
import type { Millis } from '../../src/core/time.ts';
import { type ParsedFrame, parseFrame } from './frame.ts';
import { hex } from './hex.ts';

/** The bytes that have come since the last request, judged as one frame. */
export class Reply {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  add(bytes: Uint8Array): ParsedFrame {
    this.#bytes = joined(this.#bytes, bytes);
    return parseFrame(this.#bytes);
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  clear(): void {
    this.#bytes = new Uint8Array(0);
  }

  /** What it means that nothing more comes. @param asked whom and what, e.g. `address 5 did not answer SND_NKE` */
  silence(asked: string, withinMs: Millis): Failure {
    if (this.isEmpty) return failure('no-answer', `${asked} within ${withinMs} ms`);
    const parsed = parseFrame(this.#bytes);
    const missing = parsed.state === 'more' ? parsed.missing : 0;
    return failure('frame-truncated', `${this.#bytes.length} byte(s) came and at least ${missing} are missing`);
  }

  /** The failure with the bytes that show it. */
  shown({ code, detail }: Failure): Failure {
    return failure(code, this.isEmpty ? detail : `${detail}; received ${hex(this.#bytes)}`);
  }
}

export function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
