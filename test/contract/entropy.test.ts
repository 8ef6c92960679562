import { expect, it } from 'vitest';
import { hostEntropy } from '../../src/host/entropy.ts';
import { simEntropy } from '../../src/sim/entropy.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { entropyContract } from './entropy.contract.ts';

entropyContract('host', hostEntropy);
entropyContract('sim', () => simEntropy(seededRandom(7)));

it('the simulated one gives the same from the same seed', () => {
  expect(simEntropy(seededRandom(7)).bytes(32)).toEqual(simEntropy(seededRandom(7)).bytes(32));
  expect(simEntropy(seededRandom(7)).bytes(32)).not.toEqual(simEntropy(seededRandom(8)).bytes(32));
});
