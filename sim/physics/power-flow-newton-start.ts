/** Voltages that Newton's method begins with, before any power is looked at. */
import { joins } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { phaseTurn } from '../../grids/sequence.ts';
import { spanForest } from '../../grids/topology.ts';
import { ZERO, add, complex, conjugate, divide, multiply, polar, scale, type Complex } from '../../numerics/complex.ts';
import type { MethodContext } from './power-flow-method.ts';
import { stiffBuses } from './power-flow-stiff-buses.ts';
import type { VoltageControl } from './power-flow-voltage-control.ts';

const RADIANS = Math.PI / 180;

/**
 * The voltages of the unloaded grid, which has every angle shift of its transformers and serves where loads only lower
 * its magnitudes. Where generators hold voltages, long unloaded lines would mislead: nominal magnitudes are nearer.
 */
export function flatVoltages(context: MethodContext, controls: readonly VoltageControl[]): Float64Array {
  const voltage = controls.length > 0 ? nominalVoltages(context.grid) : unloadedVoltages(context);
  holdSetpoints(controls, voltage);
  return voltage;
}

/** The flat voltages with those that the document names in their place; undefined when it names none. */
export function documentVoltages(
  grid: CompiledGrid,
  controls: readonly VoltageControl[],
  flat: Float64Array,
): Float64Array | undefined {
  const named = grid.document.buses.filter(({ start }) => start !== undefined);
  if (named.length === 0) return undefined;
  const voltage = flat.slice();
  const held = stiffBuses(grid);
  for (const { id, start } of named) {
    const bus = grid.busIndex.get(id)!;
    if (!held.has(bus)) writeBalanced(grid, voltage, bus, polar(start!.voltagePu, start!.angleDeg * RADIANS));
  }
  holdSetpoints(controls, voltage);
  return voltage;
}

function unloadedVoltages({ grid, network, elements }: MethodContext): Float64Array {
  const equations = network();
  const voltage = new Float64Array(2 * grid.phases * grid.busCount);
  const solution = equations.createSolution();
  equations.solve(solution, elements.free.buses, voltage, new Float64Array(voltage.length));
  equations.readVoltages(solution, voltage);
  grid.energisedPhases.forEach((live, place) => {
    if (live === 0) voltage.fill(0, 2 * place, 2 * place + 2);
  });
  return voltage;
}

/** Balanced voltages of nominal magnitude, turned along a tree from the sources by what each branch turns at no load. */
function nominalVoltages(grid: CompiledGrid): Float64Array {
  const voltage = new Float64Array(2 * grid.phases * grid.busCount);
  const edges = grid.branches.filter(joins);
  const roots = grid.sources.map(({ bus }) => bus);
  const { order, parent, parentEdge } = spanForest(grid.busCount, edges, roots);
  const phasors: Complex[] = Array.from({ length: grid.busCount }, () => complex(1));
  const held = stiffBuses(grid);
  for (const bus of order) {
    const source = parent[bus]! < 0 ? grid.sources.find((one) => one.bus === bus) : undefined;
    const phasor =
      source === undefined
        ? multiply(phasors[parent[bus]!]!, noLoadTurn(grid.phases, edges[parentEdge[bus]!]!, bus))
        : unit(complex(source.voltage[0]!, source.voltage[1]));
    phasors[bus] = phasor;
    writeBalanced(grid, voltage, bus, phasor);
    if (source !== undefined && held.has(bus)) voltage.set(source.voltage, 2 * grid.phases * bus);
  }
  return voltage;
}

/** Angle of v_far / v_near with the far end open, -y_far,near / y_far,far in the positive sequence, as a unit phasor. */
function noLoadTurn(phases: number, branch: CompiledBranch, far: number): Complex {
  const [transfer, own] = branch.to === far ? [branch.ytf, branch.ytt] : [branch.yft, branch.yff];
  return unit(scale(divide(positiveSequence(phases, transfer), positiveSequence(phases, own)), -1));
}

/** Of an admittance block: what a balanced voltage drives in the positive sequence. */
function positiveSequence(phases: number, block: Float64Array): Complex {
  let sum = ZERO;
  for (let r = 0; r < phases; r++) {
    for (let c = 0; c < phases; c++) {
      const at = 2 * (r * phases + c);
      const turned = multiply(complex(block[at]!, block[at + 1]), phaseTurn(c));
      sum = add(sum, multiply(conjugate(phaseTurn(r)), turned));
    }
  }
  return scale(sum, 1 / phases);
}

/** Of magnitude 1; what has no direction, or is no number, points along the real axis. */
function unit(value: Complex): Complex {
  const magnitude = Math.hypot(value.re, value.im);
  return magnitude > 0 && magnitude < Infinity ? scale(value, 1 / magnitude) : complex(1);
}

/** The voltage of phase A and, where they are live, those of the others behind it. */
function writeBalanced(grid: CompiledGrid, voltage: Float64Array, bus: number, phasor: Complex): void {
  for (let phase = 0; phase < grid.phases; phase++) {
    const place = bus * grid.phases + phase;
    if (grid.energisedPhases[place] === 0) continue;
    const { re, im } = multiply(phasor, phaseTurn(phase));
    voltage[2 * place] = re;
    voltage[2 * place + 1] = im;
  }
}

function holdSetpoints(controls: readonly VoltageControl[], voltage: Float64Array): void {
  for (const { places, setpoint } of controls) {
    for (const place of places) {
      const at = 2 * place;
      const factor = setpoint / Math.hypot(voltage[at]!, voltage[at + 1]!);
      voltage[at]! *= factor;
      voltage[at + 1]! *= factor;
    }
  }
}
