import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Buffer } from '../../buffer/index.ts';
import { failure } from '../../core/failure.ts';
import type { BoundDevice } from '../../device/bound.ts';
import { hostFolder } from '../../host/folder.ts';
import type { Clock } from '../../machine/clock.ts';
import { packId } from '../../message/pack.ts';
import type { Ordered } from '../../uplink/relay/command-bodies.ts';
import {
  type CommandLine,
  type CommandTaker,
  createCommandTaker,
  type Performed,
} from '../../uplink/relay/command-taker.ts';
import { boundedStatus } from '../../uplink/relay/status-bounds.ts';
import { chainFaults } from '../audit-chain.ts';
import { readHandler } from '../field/serve.ts';
import type { Gateway } from '../gateway.ts';
import { everyPack } from '../packs.ts';
import type { LoadedSite } from '../site-files.ts';
import { stateFolder } from '../state.ts';
import type { RelayParts } from '../way.ts';
import { backfill } from './backfill.ts';
import { openCommandBook } from './book.ts';
import { diagnose, type Troubles } from './diagnose.ts';
import { resend } from './resend.ts';
import { takePack } from './take-pack.ts';
import { takeSite, trialOf } from './take-site.ts';
import { watchTrial } from './watch-trial.ts';

export interface SiteCommandsParts {
  readonly loaded: LoadedSite;
  readonly devices: ReadonlyMap<string, BoundDevice>;
  readonly relay: Omit<RelayParts, 'taker'>;
  readonly buffer: Buffer;
  /** The gateway that the commands are for; asked for when one has come, so it may be made after them. */
  readonly gateway: () => Gateway;
  /** Starts the stages anew, with the files as they are then. */
  readonly restart: () => void;
  readonly status: () => Promise<unknown>;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/** Everything a centre can command of this gateway. */
export async function createSiteCommands(parts: SiteCommandsParts): Promise<CommandTaker> {
  const { loaded, relay, buffer, clock, restart } = parts;
  const { log } = parts.troubles;
  const book = await openCommandBook(buffer, hostFolder(stateFolder(loaded)), () => clock.now());
  const trial = trialOf(loaded);
  const { relayKeys, commands: allowed } = relay.uplink;
  return createCommandTaker({
    ...relay,
    site: loaded.site.site,
    relayKeys,
    allowed,
    book,
    clock,
    log,
    async perform(id, ordered, line, signal) {
      const performed = await perform(parts, id, ordered, line, signal);
      if (performed.outcome === 'later') restart();
      return performed;
    },
    async beside(taker, line, signal) {
      const onTrial = await trial.record();
      for (const id of book.open().filter((each) => each !== onTrial?.id)) await taker.conclude(id, INTERRUPTED);
      await watchTrial({ trial, gateway: parts.gateway(), restart, clock, log }, taker, line, signal);
    },
  });
}

const INTERRUPTED = {
  outcome: 'failed',
  problem: failure('command-interrupted', 'the gateway was stopped before it was over; give the command again'),
} as const;

async function perform(
  parts: SiteCommandsParts,
  id: string,
  ordered: Ordered,
  line: CommandLine,
  signal: AbortSignal,
): Promise<Performed> {
  const { loaded, devices, buffer, clock, restart } = parts;
  const gateway = parts.gateway();
  switch (ordered.kind) {
    case 'read':
      return readNow(parts, ordered.body.device, signal);
    case 'backfill':
      return backfill({ gateway, devices, clock }, ordered.body, signal);
    case 'resend':
      return resend(buffer, ordered.body, line);
    case 'diagnose':
      return diagnose(diagnosis(parts));
    case 'site-file':
      return takeSite({ loaded, trial: trialOf(loaded), gateway, clock }, id, ordered.body);
    case 'pack': {
      const { points } = gateway.desk;
      const folder = hostFolder(loaded.folder);
      const taken = await takePack(
        { site: loaded.site, packs: loaded, points, folder, now: clock.now() },
        ordered.body,
      );
      return taken.outcome === 'done' ? { ...taken, after: restart } : taken;
    }
  }
}

async function readNow({ gateway, devices, clock }: SiteCommandsParts, device: string, signal: AbortSignal) {
  if (!devices.has(device)) {
    const detail = `the site has no device "${device}"; it has ${[...devices.keys()].join(', ')}`;
    return { outcome: 'refused', reason: 'bad-body', detail } as const;
  }
  const read = readHandler(gateway(), devices, clock);
  const told = await read({ do: 'read', device }, async () => undefined, signal);
  return { outcome: 'done', detail: device, result: told } as const;
}

/** No part holds a key, a password or a market value. */
function diagnosis({ loaded, buffer, gateway, status, troubles }: SiteCommandsParts): Parameters<typeof diagnose>[0] {
  return {
    // Fits whatever the site; `status` names every device and message.
    site: async () => boundedStatus(await gateway().siteStatus()),
    status,
    troubles: troubles.last,
    packs: () => everyPack(loaded).map((pack) => `${packId(pack)} ${pack.status}`),
    siteFile: async () =>
      createHash('sha256')
        .update(await readFile(loaded.file, 'utf8'))
        .digest('hex'),
    node: () => process.version,
    behind: () => buffer.behind,
    storeBytes: () => buffer.size(),
    audit: async () => {
      const entries = await buffer.auditLog();
      return { entries: entries.length, faults: chainFaults(entries).length, lastHash: entries.at(-1)?.hash ?? '' };
    },
  };
}
