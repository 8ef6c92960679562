import type { PointCode } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import type { MarketDay, Span } from '../core/time.ts';
import type { PackedDocument } from './sealer.ts';

/** What a market document says, as far as a centre asks. */
export interface DocumentSaid {
  readonly id: MessageId;
  readonly sender: string;
  readonly day: MarketDay;
  readonly corrects?: MessageId;
  /** As it stands in the document; not every pack writes it. */
  readonly madeAt?: string;
  /** The interval that ends last. */
  readonly latest?: Span;
  /** Each once. */
  readonly points: readonly PointCode[];
}

/** `other`: it is not the document that its hash names; `refused`: the pack does not describe it; `broken-off`: whoever read it died of it, and more than once. */
export type DocumentRead =
  | { readonly kind: 'document'; readonly said: DocumentSaid }
  | { readonly kind: 'refused' | 'broken-off'; readonly why: string }
  | { readonly kind: 'other' };

/** Reads documents somewhere else than where a centre takes and gives them: one of 66 kB takes as long as everything else about it. */
export interface DocumentReader {
  /**
   * Whatever the bytes are, it does not reject; with OdecetError unexpected when it was closed meanwhile.
   * @param pack `name@version`; refused where the reader has it not
   */
  read(document: PackedDocument, pack: string): Promise<DocumentRead>;
  close(): Promise<void>;
}
