import type { DocumentRead, DocumentReader } from '../machine/reader.ts';
import type { PackedDocument } from '../machine/sealer.ts';
import { BrokeOff, serveThread, type ThreadLimits, workThread } from './thread.ts';

interface Work {
  readonly document: PackedDocument;
  readonly pack: string;
}

/**
 * Reads documents in a thread.
 * @param module the program of the thread; calls serveReader
 * @param data what the reader is made of
 */
export function threadReader(module: URL, data: unknown, limits: ThreadLimits): DocumentReader {
  const thread = workThread<Work, DocumentRead>(module, data, limits);
  return {
    read: (document, pack) =>
      thread.ask({ document, pack }).catch((error: unknown): DocumentRead => {
        if (error instanceof BrokeOff) return { kind: 'broken-off', why: error.failure.detail };
        throw error;
      }),
    close: () => thread.close(),
  };
}

/** The other end, to be called in the thread. */
export function serveReader<Data>(make: (data: Data) => DocumentReader): void {
  serveThread<Data, Work, DocumentRead>((data) => {
    const reader = make(data);
    return ({ document, pack }) => reader.read(document, pack);
  });
}
