/** Which solver belongs to a problem: structures seen lately keep their layout, ordering, factor and last state. */
import type { CompiledGrid } from '../../grids/model.ts';
import { SIGMA_ABSENT } from './equations/load.ts';
import type { EstimationProblem, EstimatorMeasurement } from './estimator.ts';

interface KnownStructure<Solver> {
  readonly grid: CompiledGrid;
  readonly referenceBus: number;
  readonly zeroInjections: readonly number[];
  /** Structural part of each measurement: kind, place and phase as a number, and its shared cause. */
  readonly signature: Float64Array;
  readonly causes: readonly (string | undefined)[];
  readonly solver: Solver;
}

export interface MemoryOptions {
  /** Structures that are kept; the least recently used one goes. */
  readonly most: number;
  /** Whether two problems differ that have the same measurements and other ones of them absent. */
  readonly presenceMatters: boolean;
}

export class StructureMemory<Solver> {
  private readonly known: KnownStructure<Solver>[] = [];
  private readonly make: (problem: EstimationProblem) => Solver;
  private readonly most: number;
  private readonly signatureOf: (measurement: EstimatorMeasurement) => number;

  /** `make` prepares what has not been seen yet. */
  constructor(make: (problem: EstimationProblem) => Solver, { most, presenceMatters }: MemoryOptions) {
    this.make = make;
    this.most = most;
    this.signatureOf = presenceMatters ? signatureWithPresence : signatureOf;
  }

  solverFor(problem: EstimationProblem): Solver {
    const found = this.known.findIndex((known) => this.fits(known, problem));
    const known = found >= 0 ? this.known.splice(found, 1)[0]! : this.remember(problem);
    this.known.unshift(known);
    this.known.length = Math.min(this.known.length, this.most);
    return known.solver;
  }

  private remember(problem: EstimationProblem): KnownStructure<Solver> {
    return {
      grid: problem.grid,
      referenceBus: problem.referenceBus,
      zeroInjections: [...problem.zeroInjections],
      signature: Float64Array.from(problem.measurements, this.signatureOf),
      causes: problem.measurements.map(causeOf),
      solver: this.make(problem),
    };
  }

  private fits(known: KnownStructure<Solver>, problem: EstimationProblem): boolean {
    return (
      known.grid === problem.grid &&
      known.referenceBus === problem.referenceBus &&
      known.signature.length === problem.measurements.length &&
      known.zeroInjections.length === problem.zeroInjections.length &&
      known.zeroInjections.every((bus, i) => bus === problem.zeroInjections[i]) &&
      problem.measurements.every(
        (measurement, i) =>
          this.signatureOf(measurement) === known.signature[i] && causeOf(measurement) === known.causes[i],
      )
    );
  }
}

function causeOf(measurement: EstimatorMeasurement): string | undefined {
  return 'shared' in measurement ? measurement.shared?.cause : undefined;
}

const KIND_CODE: Readonly<Record<EstimatorMeasurement['kind'], number>> = {
  voltageMagnitude: 0,
  voltageAngle: 1,
  activePower: 2,
  reactivePower: 3,
  currentMagnitude: 4,
  currentAngle: 5,
  voltagePhasor: 6,
  currentPhasor: 7,
  sourceBalance: 8,
};

/** Different for any two measurements that differ in kind, place or phase. */
function signatureOf(measurement: EstimatorMeasurement): number {
  const kind = KIND_CODE[measurement.kind];
  if (measurement.kind === 'sourceBalance') {
    return 128 * measurement.source + 8 * kind + (measurement.sequence === 'zero' ? 0 : 2);
  }
  const { place } = measurement;
  const phase = measurement.phase === 'sum' ? 7 : measurement.phase;
  const end = place.at === 'bus' ? 0 : place.at === 'from' ? 1 : 2;
  const index = place.at === 'bus' ? place.bus : place.branch;
  return 128 * (4 * index + end) + 8 * kind + phase;
}

function signatureWithPresence(measurement: EstimatorMeasurement): number {
  return signatureOf(measurement) + (measurement.sigma < SIGMA_ABSENT ? 0 : 0.5);
}
