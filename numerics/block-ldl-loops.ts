/**
 * The loops of `block-ldl.ts` in WebAssembly, two numbers a register: those of a factorisation and its two passes over a
 * vector. Blocks stand column by column; `stream` holds, column after column, how many blocks stand below the pivot and the
 * addresses of their rows in the vector.
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
} from './wasm.ts';

/** Addresses in bytes. */
export interface BlockLdlLoops {
  /** y_j -= L_jk y_k for every column k from `vector` to `end`, in order. */
  forward(vector: number, end: number, lower: number, stream: number): void;
  /**
   * x_k = P_k y_k - sum over j of L_jk' x_j for every column from the one at `vector` down to `first`; `pivot`, and
   * `lower` and `stream` (written in this order), begin with those of the last column.
   */
  backward(vector: number, first: number, pivot: number, lower: number, stream: number): void;
  /** L_ik = A_ik P for the blocks from `lower` to `end`; the A_ik stand in a row at `own`. */
  divide(lower: number, end: number, own: number, pivot: number): void;
  /** A_ij -= L_ik A_jk'. */
  subtract(target: number, lower: number, own: number): void;
  /** Gauss-Jordan: takes `pivotRow` times their entry at `entry`, which is cleared first, from all rows of a block. */
  eliminate(block: number, end: number, entry: number, pivotRow: number): void;
}

const { add, sub, mul } = f64x2;

/** Runs `body` for every row in the stream of one column, its address in `row`. */
const eachBlock = (stream: number, end: number, row: number, body: Statement): Statement => [
  ...set(end, i32.add(i32.add(get(stream), i32.of(4)), i32.shl(i32.load(get(stream)), i32.of(2)))),
  ...advance(stream, 4),
  ...when(
    i32.lessUnsigned(get(stream), get(end)),
    repeat(
      [...set(row, i32.load(get(stream))), ...advance(stream, 4), ...body],
      i32.lessUnsigned(get(stream), get(end)),
    ),
  ),
];

function loops(order: number): WasmFunction<keyof BlockLdlLoops>[] {
  const half = order / 2;
  const vectorBytes = 8 * order;
  const blockBytes = 8 * order * order;
  const halves = <T>(make: (r: number) => readonly T[]): T[] => Array.from({ length: half }, (_, r) => make(r)).flat();
  /**
   * accumulators (locals from `sum` on) `combine` block times the vector at `from`, whose numbers are `stride` bytes apart, a
   * column of the block at a time.
   */
  const timesColumns = (sum: number, combine: typeof add, block: number, from: number, stride = 8): Statement =>
    Array.from({ length: order }, (_, c) =>
      halves((r) =>
        set(
          sum + r,
          combine(
            get(sum + r),
            mul(f64x2.load(get(block), vectorBytes * c + 16 * r), f64x2.loadSplat(get(from), stride * c)),
          ),
        ),
      ),
    ).flat();

  const forward = (): WasmFunction<keyof BlockLdlLoops> => {
    const [vector, end, lower, stream, last, row, sum] = [0, 1, 2, 3, 4, 5, 6];
    const block = [
      ...halves((r) => set(sum + r, f64x2.load(get(row), 16 * r))),
      ...timesColumns(sum, sub, lower, vector),
      ...halves((r) => f64x2.store(get(row), 16 * r, get(sum + r))),
      ...advance(lower, blockBytes),
    ];
    return {
      name: 'forward',
      parameters: ['i32', 'i32', 'i32', 'i32'],
      locals: ['i32', 'i32', ...halves(() => ['v128' as const])],
      body: repeat(
        [...eachBlock(stream, last, row, block), ...advance(vector, vectorBytes)],
        i32.lessUnsigned(get(vector), get(end)),
      ),
    };
  };

  const backward = (): WasmFunction<keyof BlockLdlLoops> => {
    const [vector, first, pivot, lower, stream, last, row] = [0, 1, 2, 3, 4, 5, 6];
    const [sum, x, even, odd] = [7, 7 + half, 7 + 2 * half, 8 + 2 * half];
    /** Column c of the block times the vector in `x`, in two partial sums. */
    const column = (c: number): Expression =>
      Array.from({ length: half }, (_, r) => mul(f64x2.load(get(lower), vectorBytes * c + 16 * r), get(x + r))).reduce(
        (all, one) => add(all, one),
      );
    const block = [
      ...halves((r) => set(x + r, f64x2.load(get(row), 16 * r))),
      ...halves((r) => [
        ...set(even, column(2 * r)),
        ...set(odd, column(2 * r + 1)),
        ...set(
          sum + r,
          sub(get(sum + r), add(f64x2.join(get(even), get(odd), 0, 0), f64x2.join(get(even), get(odd), 1, 1))),
        ),
      ]),
      ...advance(lower, -blockBytes),
    ];
    return {
      name: 'backward',
      parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
      locals: ['i32', 'i32', ...halves(() => ['v128' as const, 'v128' as const]), 'v128', 'v128'],
      body: repeat(
        [
          ...halves((r) => set(sum + r, f64x2.of(0, 0))),
          ...timesColumns(sum, add, pivot, vector),
          ...eachBlock(stream, last, row, block),
          ...halves((r) => f64x2.store(get(vector), 16 * r, get(sum + r))),
          ...advance(pivot, -blockBytes),
          ...advance(vector, -vectorBytes),
        ],
        i32.not(i32.lessUnsigned(get(vector), get(first))),
      ),
    };
  };

  const divide = (): WasmFunction<keyof BlockLdlLoops> => {
    const [lower, end, own, pivot, column, last, sum] = [0, 1, 2, 3, 4, 5, 6];
    const columns = [
      ...halves((r) => set(sum + r, f64x2.of(0, 0))),
      ...timesColumns(sum, add, own, column),
      ...halves((r) => f64x2.store(get(lower), 16 * r, get(sum + r))),
      ...advance(lower, vectorBytes),
      ...advance(column, vectorBytes),
    ];
    return {
      name: 'divide',
      parameters: ['i32', 'i32', 'i32', 'i32'],
      locals: ['i32', 'i32', ...halves(() => ['v128' as const])],
      body: [
        ...set(last, i32.add(get(pivot), i32.of(blockBytes))),
        ...repeat(
          [
            ...set(column, get(pivot)),
            ...repeat(columns, i32.lessUnsigned(get(column), get(last))),
            ...advance(own, blockBytes),
          ],
          i32.lessUnsigned(get(lower), get(end)),
        ),
      ],
    };
  };

  const subtract = (): WasmFunction<keyof BlockLdlLoops> => {
    const [target, lower, own, end, sum] = [0, 1, 2, 3, 4];
    const column = [
      ...halves((r) => set(sum + r, f64x2.load(get(target), 16 * r))),
      ...timesColumns(sum, sub, lower, own, vectorBytes),
      ...halves((r) => f64x2.store(get(target), 16 * r, get(sum + r))),
      ...advance(target, vectorBytes),
      ...advance(own, 8),
    ];
    return {
      name: 'subtract',
      parameters: ['i32', 'i32', 'i32'],
      locals: ['i32', ...halves(() => ['v128' as const])],
      body: [
        ...set(end, i32.add(get(own), i32.of(vectorBytes))),
        ...repeat(column, i32.lessUnsigned(get(own), get(end))),
      ],
    };
  };

  const eliminate = (): WasmFunction<keyof BlockLdlLoops> => {
    const [row, end, entry, pivotRow, times] = [0, 1, 2, 3, 4];
    return {
      name: 'eliminate',
      parameters: ['i32', 'i32', 'i32', 'i32'],
      locals: ['v128'],
      body: repeat(
        [
          ...set(times, f64x2.loadSplat(get(entry))),
          ...f64.store(get(entry), 0, f64.of(0)),
          ...halves((r) =>
            f64x2.store(
              get(row),
              16 * r,
              sub(f64x2.load(get(row), 16 * r), mul(get(times), f64x2.load(get(pivotRow), 16 * r))),
            ),
          ),
          ...advance(row, vectorBytes),
          ...advance(entry, vectorBytes),
        ],
        i32.lessUnsigned(get(row), get(end)),
      ),
    };
  };
  return [forward(), backward(), divide(), subtract(), eliminate()];
}

/** The loops for blocks of an even number of rows, on a memory of the caller's. */
export const blockLdlLoops: (memory: WasmMemory, order: number) => BlockLdlLoops = wasmLoops(loops);
