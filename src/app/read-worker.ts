import { serveReader } from '../host/reader.ts';
import { hostCodec } from '../host/signer.ts';
import type { FormatPack } from '../message/pack.ts';
import { plainReader } from '../relay/reader.ts';

/** What the thread is given at its start. */
export interface ReaderData {
  readonly packs: readonly FormatPack[];
  readonly zone: string;
}

/** The whole program of the thread that reads what comes up to a centre. */
serveReader(({ packs, zone }: ReaderData) => plainReader(packs, zone, hostCodec()));
