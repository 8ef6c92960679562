import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import { freePorts } from '../../rehearsal/processes.ts';
import { startMeters } from './meters.ts';
import { DEVICES, LINES, writeSite } from './site.ts';

const LOOK_EVERY_MS = 1_000;

/** Bytes, as the kernel counts them for a process. */
export interface Memory {
  readonly all: number;
  /** Its own: heap, stacks, buffers. The rest are pages of files: the program of Node itself, and mapped tables. */
  readonly own: number;
}

export interface Paced {
  readonly startMs: number;
  readonly memory: readonly Memory[];
  /** Rounds kept while it was looked at, and how many there should have been. */
  readonly rounds: number;
  readonly expected: number;
}

/**
 * The real gateway, as it is installed, over the store in a folder, with meters on sockets, at the pace of the clock on the wall.
 * The memory of a process that does a month's work in minutes would tell of the garbage of minutes, not of a gateway's need.
 */
export async function runAtPace(folder: string, installedAt: string, day: string, minutes: number): Promise<Paced> {
  const ports = await freePorts(LINES);
  await writeSite(folder, day, ports);
  let startMs = 0;
  let rounds = 0;
  const memory: Memory[] = [];
  const began = performance.now();
  const heard = ({ event }: Said) => {
    if (event === 'gateway-ready') startMs = performance.now() - began;
    if (event === 'round-kept') rounds++;
  };
  const gateway = await startGateway(folder, installedAt, ports, heard);
  try {
    await gateway.ready;
    for (let second = 0; second < minutes * 60; second++) {
      await sleep(LOOK_EVERY_MS);
      memory.push(await gateway.memory());
    }
  } finally {
    await gateway.stop();
  }
  return { startMs, memory, rounds, expected: minutes * DEVICES.length };
}

/** A line of the gateway's log. */
export interface Said {
  readonly event: string;
  readonly device?: string;
  readonly message?: string;
  readonly outcome?: string;
}

export interface RunningGateway {
  /** Rejects when it ended before. */
  readonly ready: Promise<void>;
  memory(): Promise<Memory>;
  stop(): Promise<void>;
}

/** Starts the gateway of a folder that has a site file, and its meters. */
export async function startGateway(
  folder: string,
  installedAt: string,
  ports: readonly number[],
  heard: (said: Said) => void,
): Promise<RunningGateway> {
  await writeFile(join(folder, 'installed'), `${installedAt}\n`);
  const meters = await startMeters(ports);
  const program = join(PROJECT_FOLDER, 'scripts', 'odecet');
  const args = ['gateway', '--config', join(folder, 'site.yaml')];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const ready = new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as Said;
      heard(said);
      if (said.event === 'gateway-ready') resolve();
    });
  });
  ready.catch(() => {});
  return {
    ready,
    memory: () => memoryOf(child.pid!),
    async stop() {
      child.kill();
      await ended;
      meters.close();
    },
  };
}

async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]);
  return { all: bytes('VmRSS'), own: bytes('RssAnon') };
}
