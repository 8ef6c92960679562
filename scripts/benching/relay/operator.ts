import { PROJECT_FOLDER } from '../../../src/app/project.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { hostEntropy } from '../../../src/host/entropy.ts';
import { hostLog } from '../../../src/host/log.ts';
import { startSandbox } from '../../../src/sandbox/server.ts';
import { pointsOf } from './messages.ts';

// The operator's stand-in in a process of its own: FOLDER PORT SITES POINTS. A file with a hundred thousand points would take
// longer to read than the bench takes. Its schema check is left out: what is measured is the relay.
const [folder = '', port = '', sites = '', pointsEach = ''] = process.argv.slice(2);
const key = (name: string) => `${folder}/keys/${name}.key`;
const certificate = (name: string) => `${folder}/keys/${name}.crt`;
const pair = (name: string) => ({ certificate: certificate(name), key: key(name) });
const codes = Array.from({ length: Number(sites) }, (_, n) => pointsOf(n, Number(pointsEach))).flat();
const clock = hostClock();
const log = hostLog({ level: 'warn', to: 'stdout', now: () => clock.now() });
const sandbox = await startSandbox(
  {
    host: '127.0.0.1',
    port: Number(port),
    folder: `${folder}/sandbox`,
    zone: 'Europe/Prague',
    tls: { ...pair('operator-tls'), clientAuthorities: [certificate('authority')] },
    seal: pair('operator-seal'),
    trustedSeals: [certificate('gateway-seal')],
    packs: `${PROJECT_FOLDER}/format-packs/ote`,
    points: codes.map((code) => ({ code, commodity: 'gas', minutes: 60 })),
    timestampWindowMs: 300_000,
    checkSchema: false,
    faults: [],
  },
  { clock, entropy: hostEntropy(), log },
);
process.stdout.write('ready\n');
process.once('SIGTERM', () => void sandbox.close().then(() => process.exit(0)));
