import type { Failure } from '../core/failure.ts';
import type { PointCode } from '../core/interval.ts';
import type { DocumentReader } from '../machine/reader.ts';
import { type Alerts, alertId } from '../uplink/relay/alerts.ts';
import { documentIn, openEnvelope } from '../uplink/relay/protocol.ts';
import type { SiteMessage } from './store.ts';

export interface MessageAlertsDeps {
  /** Of sites. */
  readonly alerts: Pick<Alerts, 'raise' | 'clear' | 'settle' | 'isAbout'>;
  readonly reader: DocumentReader;
}

/** Of a message that cannot be read there is no more than its name. */
type Named = Pick<SiteMessage, 'site' | 'id'> & Partial<SiteMessage>;

export interface MessageAlerts {
  /** A message needs a person; undefined when it no longer does. */
  told(message: Named, problem: Failure | undefined): void;
  accepted(message: SiteMessage): void;
}

interface Contents {
  /** The kind and day that stand in the signed line. */
  readonly about: string;
  readonly corrects?: string;
  /** None where the document cannot be read. */
  points(): Promise<readonly PointCode[] | undefined>;
}

/**
 * Alerts about single messages. That a day was rejected is over when every point of it was accepted later: of one of them no other
 * says anything. Documents are read only where something is to be said about them, which is seldom.
 */
export function createMessageAlerts({ alerts, reader }: MessageAlertsDeps): MessageAlerts {
  /** Those whose document is being read, by id of the alert. */
  const pending = new Map<string, { readonly about: string; readonly points: ReturnType<Contents['points']> }>();

  function contentsOf({ site, day, envelope }: Named): Contents | undefined {
    const opened = envelope && openEnvelope(envelope);
    if (!opened) return undefined;
    const { kind, pack, corrects } = opened.head;
    return {
      about: [site, kind, day].join(' '),
      ...(corrects !== undefined && { corrects: alertId(site, corrects) }),
      async points() {
        const read = await reader.read(documentIn(opened), pack).catch(() => undefined);
        return read?.kind === 'document' ? read.said.points : undefined;
      },
    };
  }

  async function raise(message: Named, problem: Failure): Promise<void> {
    const { site } = message;
    const id = alertId(site, message.id);
    const contents = contentsOf(message);
    if (!contents) return alerts.raise(id, problem, { site });
    const { about } = contents;
    const mark = { about, points: contents.points() };
    pending.set(id, mark);
    const points = await mark.points;
    // Meanwhile it may have become better, or worse.
    if (pending.get(id) !== mark) return;
    pending.delete(id);
    alerts.raise(id, problem, { site, about, ...(points && { points }) });
  }

  const readAbout = (about: string) => [...pending.values()].filter((one) => one.about === about);

  async function settle({ site, id }: SiteMessage, { about, corrects, points }: Contents): Promise<void> {
    // What is said of earlier ones has to stand first.
    await Promise.all(readAbout(about).map((one) => one.points));
    const settled = { about, id: alertId(site, id), points: (await points()) ?? [] };
    alerts.settle({ ...settled, ...(corrects !== undefined && { corrects }) });
  }

  return {
    told(message, problem) {
      if (problem) return void raise(message, problem);
      const id = alertId(message.site, message.id);
      pending.delete(id);
      alerts.clear(id);
    },
    accepted(message) {
      const contents = contentsOf(message);
      if (!contents) return;
      if (readAbout(contents.about).length > 0 || alerts.isAbout(contents.about)) void settle(message, contents);
    },
  };
}
