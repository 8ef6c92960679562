import { describe } from 'vitest';
import { walkSeeds } from './kit/seeds.ts';

describe('a simulated site with all faults', () => walkSeeds(2, 2));
