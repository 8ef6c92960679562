import { applicationReset, baudSwitch, linkReset, MBUS_BAUDS, mbusDriver } from '../../../drivers/mbus/index.ts';
import type { Bus } from '../../collect/bus.ts';
import { type DialogueRules, runDialogue } from '../../collect/dialogue.ts';
import { dialogueRules } from '../../collect/rules.ts';
import type { LineSetting, Session } from '../../core/driver.ts';
import { OdecetError } from '../../core/failure.ts';
import { inEnglish, type Say } from '../../core/say.ts';
import type { BoundDevice } from '../../device/bound.ts';
import type { LineConfig } from '../../device/site.ts';
import type { Clock } from '../../machine/clock.ts';
import type { LoadedSite } from '../site-files.ts';
import { deviceOf, lineConfigOf } from './line.ts';

/** What a person may change in an M-Bus meter over its line. None of it touches what the meter has counted. */
export type Setup =
  | { readonly kind: 'link-reset' }
  /** @param subcode EN 13757-3:2018 table 3: what the meter sends from then on; 0 is everything */
  | { readonly kind: 'application-reset'; readonly subcode?: number }
  | { readonly kind: 'baud'; readonly baud: number };

/** A change that can be made: everything that can be known before has been looked at. */
export interface SetupPlan {
  readonly device: BoundDevice;
  readonly line: LineConfig;
  readonly session: () => Session;
  /** In words, for the person who must agree: what changes, and the way back. */
  readonly what: string;
  readonly wayBack: string;
}

/** Throws OdecetError usage where the device or its line cannot do it. */
export function planSetup(loaded: LoadedSite, id: string, setup: Setup, say: Say = inEnglish): SetupPlan {
  const device = deviceOf(loaded, id);
  const { config, model } = device;
  if (model.protocol !== 'mbus')
    throw new OdecetError('usage', `${id} speaks ${model.protocol}; only M-Bus meters are set up over the line`);
  const target = {
    address: config.address,
    ...(config.secondary !== undefined && { secondary: config.secondary }),
    replyWithinMs: config.replyTimeoutMs ?? model.replyTimeoutMs,
    gapTimeoutMs: model.gapTimeoutMs,
  };
  const line = lineConfigOf(loaded, config.line);
  switch (setup.kind) {
    case 'link-reset':
      return {
        ...{ device, line, session: () => linkReset(target) },
        what: say`the link is reset: the meter begins its answer with the first telegram again`,
        wayBack: say`none is needed: the next reading begins with the first telegram, and nothing else is changed`,
      };
    case 'application-reset':
      return {
        ...{ device, line, session: () => applicationReset(target, setup.subcode) },
        what:
          setup.subcode === undefined
            ? say`the application is reset: the meter may send other records from then on`
            : say`the application is reset with sub-code ${setup.subcode}: the meter may send other records from then on`,
        wayBack: say`odecet setup application-reset ${id} --subcode 0 asks for all records again; hold \`odecet read ${id}\` against the device file`,
      };
    case 'baud': {
      const from = serialSetting(device, line);
      const { baud } = setup;
      if (baud === from.baud || !MBUS_BAUDS.includes(baud))
        throw new OdecetError('usage', `${id} is at ${from.baud} baud; give another one of ${MBUS_BAUDS.join(', ')}`);
      return {
        ...{ device, line, session: () => baudSwitch(target, from, baud) },
        what: say`the meter speaks at ${baud} baud from then on, instead of ${from.baud}`,
        wayBack: say`write ${settingText(from, baud)} below ${id} in the site file; then odecet setup baud ${id} ${from.baud} leads back`,
      };
    }
  }
}

/** Makes the change. Throws OdecetError with what the meter or the line said. */
export async function setUp(
  { device, session }: SetupPlan,
  line: Bus,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  await line.prepare(device, signal);
  const rules: DialogueRules = dialogueRules(device, mbusDriver);
  const end = await runDialogue(line, clock, session(), rules, signal);
  if (!end.ok) throw new OdecetError(end.failure.code, end.failure.detail);
}

/** A new speed has to be proved, and a converter's is changed on its own page only. */
function serialSetting({ config, model }: BoundDevice, line: LineConfig): LineSetting {
  if (line.kind === 'serial') return config.setting ?? model.line ?? line.setting;
  throw new OdecetError(
    'usage',
    `${config.id} hangs on ${line.host}:${line.port}, whose speed is set at the converter: change the meter's speed at a serial port`,
  );
}

function settingText({ dataBits, parity, stopBits }: LineSetting, baud: number): string {
  return `\`setting: { baud: ${baud}, dataBits: ${dataBits}, parity: ${parity}, stopBits: ${stopBits} }\``;
}
