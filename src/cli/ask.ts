import { askGateway } from '../app/control.ts';
import { type Answer, type Desk, QUESTIONS, type Question } from '../app/desk.ts';
import { heatSupply } from '../app/heat-sources.ts';
import { planPoints } from '../app/plan.ts';
import { type LoadedSite, loadSite } from '../app/site-files.ts';
import { openState, type State, stateFolder } from '../app/state.ts';
import { hostClock } from '../host/clock.ts';
import { hostLog } from '../host/log.ts';

export interface Asked<Q extends Question> {
  readonly answer: Answer<Q>;
  /** Of the site: in answers instants are UTC. */
  readonly zone: string;
}

/** Asks the gateway that runs with a site file; where none runs, its memory is opened and asked. */
export async function ask<Q extends Question>(
  config: string,
  question: Q,
  request: Readonly<Record<string, unknown>> = {},
): Promise<Asked<Q>> {
  const loaded = loadSite(config);
  const { zone } = loaded.site;
  const answered = await askGateway(stateFolder(loaded), { ...request, do: question });
  // The answer of the same program, as it made it.
  if (answered) return { answer: answered.done as Answer<Q>, zone };
  const opener = question === 'substitute' ? 'change' : 'look';
  const state = await openState(loaded, hostClock(), hostLog({ level: 'warn' }), opener);
  try {
    return { answer: (await QUESTIONS[question](await deskOf(loaded, state), request)) as Answer<Q>, zone };
  } finally {
    await state.close();
  }
}

async function deskOf(loaded: LoadedSite, { buffer, installedAt }: State): Promise<Desk> {
  const { site, devices, folder } = loaded;
  const [clock, log] = [hostClock(), hostLog({ level: 'warn' })];
  const supply = heatSupply({ site, folder, stateFolder: stateFolder(loaded), clock, log });
  await supply.refresh(new AbortController().signal);
  return {
    site,
    points: planPoints(site, devices),
    buffer,
    heatOn: supply.on,
    now: () => clock.now(),
    installedAt,
    // Nobody else has the store open.
    alone: (work) => work(),
  };
}
