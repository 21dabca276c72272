/**
 * The sweeps over plain lines in WebAssembly: a complex number in one register, in about half the time of the same loops
 * in TypeScript, which the tests hold them against.
 *
 * draw: j = conj(s / v) + y v for s = p + jq consumed; conj(s) / conj(v) = (p - jq) v / |v|^2, so that both are one
 * admittance times v. Three phases have shunts that couple them alike: y v = y1 v + yb (va + vb + vc).
 * spread: v = vp - z j, in three phases vp - z1 j - zb (ja + jb + jc), the error of it, and what is drawn there.
 */
import {
  advance,
  f64,
  f64x2,
  get,
  i32,
  repeat,
  set,
  wasmLoops,
  when,
  type Expression,
  type Statement,
  type WasmFunction,
  type WasmMemory,
} from '../../numerics/wasm.ts';

/** Addresses are in bytes; `first` and `end` slots; all as laid out in the structure and the state. */
export interface SweepLoops {
  /** What the buses of some slots draw at their voltages. */
  draw(voltage: number, current: number, power: number, constants: number, end: number): void;
  /** Adds the current of each slot, from the last (at `current`) to the first, to that of its feeder. */
  collect(currents: number, current: number, feeder: number, first: number): void;
  /** New voltages and currents; notes the worst error at `worst`. */
  spread(
    voltages: number,
    voltage: number,
    current: number,
    power: number,
    constants: number,
    feeder: number,
    end: number,
    worst: number,
    change: number,
    mismatch: number,
  ): void;
}

const { add, sub, mul, div } = f64x2;

/** (re, im) -> (-im, re), which is multiplication by j. */
const turn = (x: Expression, scratch: number): Expression => f64x2.xor(f64x2.pick(x, 1, 0, scratch), f64x2.of(-0, 0));

/** Complex product with a number in memory. */
const timesConstant = (x: number, pointer: number, offset: number, scratch: number): Expression =>
  add(
    mul(f64x2.loadSplat(get(pointer), offset), get(x)),
    mul(f64x2.loadSplat(get(pointer), offset + 8), turn(get(x), scratch)),
  );

/** |x|^2 in both lanes. */
const square = (x: Expression, scratch: number): Expression => f64x2.sum(mul(x, x), scratch);

/** Notes an error that is not at most the worst so far, unless that is NaN already. */
function note(error: Expression, errorLocal: number, worst: number, place: number, at: Expression): Statement {
  return [
    ...set(errorLocal, error),
    ...when(i32.not(f64.lessOrEqual(get(errorLocal), get(worst))), [
      ...when(f64.equal(get(worst), get(worst)), [...set(worst, get(errorLocal)), ...set(place, at)]),
    ]),
  ];
}

/** Locals for passing between expressions. */
interface Work {
  readonly s: number;
  readonly sum: number;
  readonly mutual: number;
  readonly scratch: number;
}

/** `phases` vectors of 16 bytes a slot, constants of 32 bytes (one phase) or 64 (three). */
function loops(phases: number): WasmFunction<keyof SweepLoops>[] {
  const bytes = 16 * phases;
  const constantBytes = phases === 1 ? 32 : 64;
  const y = constantBytes / 2;
  const each = <T>(make: (phase: number) => readonly T[]): T[] =>
    Array.from({ length: phases }, (_, phase) => make(phase)).flat();
  /** The part that three phases have in common: the sum of the vectors in `first` and the next two times a constant. */
  const common = (first: number, constants: number, offset: number, { sum, mutual, scratch }: Work): Statement =>
    phases === 1
      ? []
      : [
          ...set(sum, add(add(get(first), get(first + 1)), get(first + 2))),
          ...set(mutual, timesConstant(sum, constants, offset, scratch)),
        ];
  const withCommon = (combine: typeof add, own: Expression, { mutual }: Work): Expression =>
    phases === 1 ? own : combine(own, get(mutual));

  /** Currents at the voltages in `v`: ((p, q) / |v|^2, then (p/|v|^2 + y_r) v + (y_i - q/|v|^2) j v [+ mutual part]. */
  const storeDrawn = (v: number, current: number, power: number, constants: number, work: Work): Statement => [
    ...common(v, constants, y + 16, work),
    ...each((k) => {
      const { s, scratch } = work;
      const g = add(f64x2.pick(get(s), 0, 0, scratch), f64x2.loadSplat(get(constants), y));
      const h = sub(f64x2.loadSplat(get(constants), y + 8), f64x2.pick(get(s), 1, 1, scratch));
      const own = add(mul(g, get(v + k)), mul(h, turn(get(v + k), scratch)));
      return [
        ...set(s, div(f64x2.load(get(power), 16 * k), square(get(v + k), scratch))),
        ...f64x2.store(get(current), 16 * k, withCommon(add, own, work)),
      ];
    }),
  ];
  const toNextSlot = (voltage: number, current: number, power: number, constants: number): Statement => [
    ...advance(voltage, bytes),
    ...advance(current, bytes),
    ...advance(power, bytes),
    ...advance(constants, constantBytes),
  ];

  const draw = (): WasmFunction<keyof SweepLoops> => {
    const [voltage, current, power, constants, end, v] = [0, 1, 2, 3, 4, 5];
    const body = [
      ...each((k) => set(v + k, f64x2.load(get(voltage), 16 * k))),
      ...storeDrawn(v, current, power, constants, { s: 8, scratch: 9, mutual: 10, sum: 11 }),
      ...toNextSlot(voltage, current, power, constants),
    ];
    return {
      name: 'draw',
      parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
      locals: ['v128', 'v128', 'v128', 'v128', 'v128', 'v128', 'v128'],
      body: repeat(body, i32.lessUnsigned(get(voltage), get(end))),
    };
  };

  const collect = (): WasmFunction<keyof SweepLoops> => {
    const [currents, current, feeder, first, to] = [0, 1, 2, 3, 4];
    const body = [
      ...set(to, i32.add(get(currents), i32.shl(i32.load(get(feeder)), i32.of(3)))),
      ...each((k) => f64x2.store(get(to), 16 * k, add(f64x2.load(get(to), 16 * k), f64x2.load(get(current), 16 * k)))),
      ...advance(current, -bytes),
      ...advance(feeder, -4),
    ];
    return {
      name: 'collect',
      parameters: ['i32', 'i32', 'i32', 'i32'],
      locals: ['i32'],
      body: repeat(body, i32.not(i32.lessUnsigned(get(current), get(first)))),
    };
  };

  const spread = (): WasmFunction<keyof SweepLoops> => {
    const [voltages, voltage, current, power, constants, feeder, end, worstAt, change, mismatch] = [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ];
    const [from, place, begin, worst, error, fixed] = [10, 11, 12, 13, 14, 15];
    const [v, j, scratch, step] = [16, 19, 25, 26];
    const work = { sum: 22, mutual: 23, s: 24, scratch };
    const sizeAt = (pointer: number, offset: number): Expression =>
      f64x2.lane(square(f64x2.load(get(pointer), offset), scratch), 0);
    const shunts =
      phases === 1
        ? sizeAt(constants, y)
        : f64.add(sizeAt(constants, y), f64.mul(f64.of(3), sizeAt(constants, y + 16)));
    const noted = (k: number): Statement => {
      const weight = f64.add(get(fixed), f64.mul(get(mismatch), sizeAt(power, 16 * k)));
      const at = i32.add(get(voltage), i32.of(16 * k));
      return [
        ...set(step, sub(get(v + k), f64x2.load(get(voltage), 16 * k))),
        ...note(f64.mul(f64x2.lane(square(get(step), scratch), 0), weight), error, worst, place, at),
        ...f64x2.store(get(voltage), 16 * k, get(v + k)),
      ];
    };
    const body = [
      ...set(from, i32.add(get(voltages), i32.shl(i32.load(get(feeder)), i32.of(3)))),
      ...each((k) => set(j + k, f64x2.load(get(current), 16 * k))),
      ...set(fixed, f64.add(get(change), f64.mul(get(mismatch), shunts))),
      ...common(j, constants, 16, work),
      ...each((k) => {
        const own = sub(f64x2.load(get(from), 16 * k), timesConstant(j + k, constants, 0, scratch));
        return [...set(v + k, withCommon(sub, own, work)), ...noted(k)];
      }),
      ...storeDrawn(v, current, power, constants, work),
      ...toNextSlot(voltage, current, power, constants),
      ...advance(feeder, 4),
    ];
    return {
      name: 'spread',
      parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'f64', 'f64'],
      locals: ['i32', 'i32', 'i32', 'f64', 'f64', 'f64', ...Array.from({ length: 11 }, () => 'v128' as const)],
      body: [
        ...set(begin, get(voltages)),
        ...set(worst, f64.load(get(worstAt))),
        ...repeat(body, i32.lessUnsigned(get(voltage), get(end))),
        // The place is that of the voltage, in units of one phase from the first.
        ...when(get(place), [
          ...f64.store(get(worstAt), 0, get(worst)),
          ...f64.store(get(worstAt), 8, f64.fromI32(i32.shiftRight(i32.sub(get(place), get(begin)), i32.of(4)))),
        ]),
      ],
    };
  };
  return [draw(), collect(), spread()];
}

/** The loops for one phase or three, on a memory of the caller's. */
export const sweepLoops: (memory: WasmMemory, phases: number) => SweepLoops = wasmLoops(loops);
