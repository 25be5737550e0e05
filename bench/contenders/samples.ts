import type { Sample, Wire } from '../contender.ts';
import type { Ended } from '../run-program.ts';

/** Programs that ran one after the other as one sample. */
export function sampleOf(ended: readonly Ended[], wire: Wire): Sample {
  const cpus = ended.map(({ cpu }) => cpu).filter((cpu) => cpu !== undefined);
  const memories = ended.map(({ memory }) => memory).filter((memory) => memory !== undefined);
  return {
    wall: sum(ended.map(({ wall }) => wall)),
    ...(cpus.length === ended.length && { cpu: sum(cpus) }),
    ...(memories.length > 0 && { memory: Math.max(...memories) }),
    wire,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
