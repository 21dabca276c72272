/** The sweeps of a three-phase grid: the innermost loops of the power flow, which allocate nothing. */
import type { Run, SweepStructure } from './power-flow-sweep-structure.ts';
import { noteWorst, type SweepKernel, type SweepState } from './power-flow-sweep-state.ts';

export const threePhaseSweep: SweepKernel = { draw, collect, spread, measure };

/**
 * j = conj(s / v) + y v at the buses of some slots, phase by phase, for s = p + jq consumed: conj(s) / conj(v) =
 * (p - jq) v / |v|^2. The shunts couple the phases alike: y v = y1 v + yb (va + vb + vc).
 */
function draw(
  { constants }: SweepStructure,
  { voltage, current, power }: SweepState,
  start: number,
  end: number,
): void {
  for (let k = start; k < end; k++) {
    const at = 6 * k;
    const y1r = constants[8 * k + 4]!;
    const y1i = constants[8 * k + 5]!;
    const ybr = constants[8 * k + 6]!;
    const ybi = constants[8 * k + 7]!;
    const ar = voltage[at + 0]!;
    const ai = voltage[at + 1]!;
    const br = voltage[at + 2]!;
    const bi = voltage[at + 3]!;
    const cr = voltage[at + 4]!;
    const ci = voltage[at + 5]!;
    const sr = ar + br + cr;
    const si = ai + bi + ci;
    const mr = ybr * sr - ybi * si;
    const mi = ybr * si + ybi * sr;
    const da = 1 / (ar * ar + ai * ai);
    const ga = power[at + 0]! * da + y1r;
    const ha = y1i - power[at + 1]! * da;
    current[at + 0] = ga * ar - ha * ai + mr;
    current[at + 1] = ga * ai + ha * ar + mi;
    const db = 1 / (br * br + bi * bi);
    const gb = power[at + 2]! * db + y1r;
    const hb = y1i - power[at + 3]! * db;
    current[at + 2] = gb * br - hb * bi + mr;
    current[at + 3] = gb * bi + hb * br + mi;
    const dc = 1 / (cr * cr + ci * ci);
    const gc = power[at + 4]! * dc + y1r;
    const hc = y1i - power[at + 5]! * dc;
    current[at + 4] = gc * cr - hc * ci + mr;
    current[at + 5] = gc * ci + hc * cr + mi;
  }
}

/** Backwards: what a bus draws is drawn through the bus that feeds it. */
function collect({ runs, parent, blocks, blockAt }: SweepStructure, { current }: SweepState): void {
  for (let r = runs.length - 1; r >= 0; r--) {
    const { kind, start, end } = runs[r]!;
    if (kind === 'transfer') {
      for (let k = end - 1; k >= start; k--)
        addProduct(blocks, blockAt[k]! + 36, current, 6 * k, current, 6 * parent[k]!, 1);
      continue;
    }
    for (let k = end - 1; k >= start; k--) {
      const to = 6 * parent[k]!;
      const at = 6 * k;
      current[to]! += current[at]!;
      current[to + 1]! += current[at + 1]!;
      current[to + 2]! += current[at + 2]!;
      current[to + 3]! += current[at + 3]!;
      current[to + 4]! += current[at + 4]!;
      current[to + 5]! += current[at + 5]!;
    }
  }
}

/** y[to..] += factor * block(d) x[at..]. */
function addProduct(
  block: Float64Array,
  d: number,
  x: Float64Array,
  at: number,
  y: Float64Array,
  to: number,
  factor: number,
): void {
  const ar = x[at + 0]!;
  const ai = x[at + 1]!;
  const br = x[at + 2]!;
  const bi = x[at + 3]!;
  const cr = x[at + 4]!;
  const ci = x[at + 5]!;
  for (let r = 0; r < 3; r++) {
    const e = d + 6 * r;
    y[to + 2 * r]! +=
      factor *
      (block[e]! * ar -
        block[e + 1]! * ai +
        (block[e + 2]! * br - block[e + 3]! * bi) +
        (block[e + 4]! * cr - block[e + 5]! * ci));
    y[to + 2 * r + 1]! +=
      factor *
      (block[e]! * ai +
        block[e + 1]! * ar +
        (block[e + 2]! * bi + block[e + 3]! * br) +
        (block[e + 4]! * ci + block[e + 5]! * cr));
  }
}

/** Forwards: the voltages that belong to the collected currents, and what the buses draw at them. */
function spread(structure: SweepStructure, state: SweepState, change: number, mismatch: number): void {
  for (const run of structure.runs) {
    if (run.kind === 'series') spreadSeries(structure, state, run.start, run.end, change, mismatch);
    else spreadBlocks(structure, state, run, change, mismatch);
  }
}

function spreadSeries(
  { parent, constants }: SweepStructure,
  state: SweepState,
  start: number,
  end: number,
  change: number,
  mismatch: number,
): void {
  const { voltage, current, power } = state;
  let worst = state.worst[0]!;
  let place = -1;
  for (let k = start; k < end; k++) {
    const from = 6 * parent[k]!;
    const at = 6 * k;
    const z1r = constants[8 * k]!;
    const z1i = constants[8 * k + 1]!;
    const zbr = constants[8 * k + 2]!;
    const zbi = constants[8 * k + 3]!;
    const y1r = constants[8 * k + 4]!;
    const y1i = constants[8 * k + 5]!;
    const ybr = constants[8 * k + 6]!;
    const ybi = constants[8 * k + 7]!;
    const jar = current[at + 0]!;
    const jai = current[at + 1]!;
    const jbr = current[at + 2]!;
    const jbi = current[at + 3]!;
    const jcr = current[at + 4]!;
    const jci = current[at + 5]!;
    const tr = jar + jbr + jcr;
    const ti = jai + jbi + jci;
    const er = zbr * tr - zbi * ti;
    const ei = zbr * ti + zbi * tr;
    const ar = voltage[from + 0]! - (z1r * jar - z1i * jai) - er;
    const ai = voltage[from + 1]! - (z1r * jai + z1i * jar) - ei;
    const br = voltage[from + 2]! - (z1r * jbr - z1i * jbi) - er;
    const bi = voltage[from + 3]! - (z1r * jbi + z1i * jbr) - ei;
    const cr = voltage[from + 4]! - (z1r * jcr - z1i * jci) - er;
    const ci = voltage[from + 5]! - (z1r * jci + z1i * jcr) - ei;
    const pa = power[at + 0]!;
    const qa = power[at + 1]!;
    const pb = power[at + 2]!;
    const qb = power[at + 3]!;
    const pc = power[at + 4]!;
    const qc = power[at + 5]!;
    const xa = ar - voltage[at + 0]!;
    const ya = ai - voltage[at + 1]!;
    const ea = (xa * xa + ya * ya) * (change + mismatch * (pa * pa + qa * qa));
    const xb = br - voltage[at + 2]!;
    const yb = bi - voltage[at + 3]!;
    const eb = (xb * xb + yb * yb) * (change + mismatch * (pb * pb + qb * qb));
    const xc = cr - voltage[at + 4]!;
    const yc = ci - voltage[at + 5]!;
    const ec = (xc * xc + yc * yc) * (change + mismatch * (pc * pc + qc * qc));
    // Written so that NaN is worse than everything and nothing is worse than NaN.
    if (!(ea <= worst && eb <= worst && ec <= worst)) {
      const error = Math.max(ea, eb, ec);
      if (worst === worst) place = 3 * k + (error === ea ? 0 : error === eb ? 1 : 2);
      worst = worst === worst ? error : worst;
    }
    voltage[at + 0] = ar;
    voltage[at + 1] = ai;
    voltage[at + 2] = br;
    voltage[at + 3] = bi;
    voltage[at + 4] = cr;
    voltage[at + 5] = ci;
    const sr = ar + br + cr;
    const si = ai + bi + ci;
    const mr = ybr * sr - ybi * si;
    const mi = ybr * si + ybi * sr;
    const da = 1 / (ar * ar + ai * ai);
    const ga = pa * da + y1r;
    const ha = y1i - qa * da;
    current[at + 0] = ga * ar - ha * ai + mr;
    current[at + 1] = ga * ai + ha * ar + mi;
    const db = 1 / (br * br + bi * bi);
    const gb = pb * db + y1r;
    const hb = y1i - qb * db;
    current[at + 2] = gb * br - hb * bi + mr;
    current[at + 3] = gb * bi + hb * br + mi;
    const dc = 1 / (cr * cr + ci * ci);
    const gc = pc * dc + y1r;
    const hc = y1i - qc * dc;
    current[at + 4] = gc * cr - hc * ci + mr;
    current[at + 5] = gc * ci + hc * cr + mi;
  }
  if (place >= 0) noteWorst(state, worst, place);
}

/** The same for edges with matrices: v = vp - Z j or, behind a transformer, v = A vp - Z j. */
function spreadBlocks(
  structure: SweepStructure,
  state: SweepState,
  { kind, start, end }: Run,
  change: number,
  mismatch: number,
): void {
  const { parent, blocks, blockAt } = structure;
  const { voltage, current, scratch } = state;
  for (let k = start; k < end; k++) {
    const from = 6 * parent[k]!;
    let z = blockAt[k]!;
    if (kind === 'transfer') {
      scratch.fill(0);
      addProduct(blocks, z, voltage, from, scratch, 0, 1);
      z += 18;
    } else {
      for (let e = 0; e < 6; e++) scratch[e] = voltage[from + e]!;
    }
    addProduct(blocks, z, current, 6 * k, scratch, 0, -1);
    update(state, k, scratch, 0, change, mismatch);
  }
  draw(structure, state, start, end);
}

/** Takes over a new voltage, `next[n..]`, and notes how far it is from the last. */
function update(state: SweepState, k: number, next: Float64Array, n: number, change: number, mismatch: number): void {
  const { voltage, power, worst } = state;
  for (let phase = 0; phase < 3; phase++) {
    const at = 6 * k + 2 * phase;
    const vr = next[n + 2 * phase]!;
    const vi = next[n + 2 * phase + 1]!;
    const dr = vr - voltage[at]!;
    const di = vi - voltage[at + 1]!;
    const p = power[at]!;
    const q = power[at + 1]!;
    const error = (dr * dr + di * di) * (change + mismatch * (p * p + q * q));
    if (!(error <= worst[0]!)) noteWorst(state, error, 3 * k + phase);
    voltage[at] = vr;
    voltage[at + 1] = vi;
  }
}

/** Takes over voltages of the core, which others have solved for. */
function measure(
  state: SweepState,
  next: Float64Array,
  start: number,
  end: number,
  change: number,
  mismatch: number,
): void {
  for (let k = start; k < end; k++) update(state, k, next, 6 * k, change, mismatch);
}
