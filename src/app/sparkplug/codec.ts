import type { UtcMs } from '../../core/time.ts';

/** What a metric may be here; Sparkplug has more. */
export type MetricType = 'Boolean' | 'Double' | 'Int32' | 'Int64' | 'String';

/** Sparkplug knows these three and no others (3.0, 6.4.7). */
export const QUALITY = { bad: 0, good: 192, stale: 500 } as const;

export interface Metric {
  readonly name: string;
  readonly type: MetricType;
  /** Absent: nothing is known, `is_null`. */
  readonly value?: number | boolean | string;
  readonly timestamp: UtcMs;
  /** A value of the past for the archive; what is shown as present stays as it is. */
  readonly isHistorical?: true;
  readonly properties?: Readonly<
    Record<string, { readonly type: 'Int32' | 'String'; readonly value: number | string }>
  >;
}

export interface Payload {
  readonly timestamp: UtcMs;
  /** A death has none. */
  readonly seq?: number;
  readonly metrics: readonly Metric[];
}

export interface Codec {
  encode(payload: Payload): Uint8Array;
  /** The metrics of a command; none of what is no payload. */
  commands(payload: Uint8Array): readonly { readonly name: string; readonly value: unknown }[];
}

/** Eclipse Tahu's own codec, loaded only where the publisher is on. */
export async function loadCodec(): Promise<Codec> {
  const { get } = (await import('sparkplug-payload')).default;
  const tahu = get('spBv1.0');
  if (!tahu) throw new RangeError('sparkplug-payload does not know spBv1.0');
  return {
    encode: ({ metrics, ...head }) =>
      tahu.encodePayload({
        ...head,
        metrics: metrics.map(({ value, properties, ...metric }) => ({
          ...metric,
          value: value ?? null,
          ...(properties && { properties: { ...properties } }),
        })),
      }),
    commands(payload) {
      try {
        const { metrics } = tahu.decodePayload(payload);
        return (metrics ?? []).map(({ name, value }) => ({ name: name ?? '', value }));
      } catch {
        return [];
      }
    },
  };
}
