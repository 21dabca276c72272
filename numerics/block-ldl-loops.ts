/**
 * The loops of `block-ldl.ts` in WebAssembly, two numbers a register: those of a factorisation and its two passes over a
 * vector. Blocks stand column by column; `stream` holds, column after column, how many blocks stand below the pivot and the
 * addresses of their rows in the vector.
 */
import {
  advance,
  call,
  f64,
  f64x2,
  get,
  i32,
  leave,
  repeat,
  set,
  wasmLoops,
  when,
  type Expression,
  type Statement,
  type WasmFunction,
  type WasmMemory,
  type WasmType,
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
  /**
   * b += A x before the matrix is factorised; b is the vector, x stands `away` bytes from it. `pivot` to `end` are the blocks on
   * the diagonal.
   */
  multiply(vector: number, away: number, pivot: number, end: number, lower: number, stream: number): void;
  /**
   * Factorises the matrix whose first pivot block stands at `pivot`, right-looking: P_k = D_k^-1, L_ik = A_ik P_k,
   * A_ij -= L_ik A_jk'. `targets` holds, relative to that block, where the A_ij stand, for every k, j and i >= j in order;
   * room for the blocks of a column is at `own`. At `work + failedAt(order)` stands 1 when a pivot block is singular, else 0.
   */
  factorise(
    pivot: number,
    end: number,
    lower: number,
    stream: number,
    targets: number,
    own: number,
    work: number,
  ): void;
}

/** Relative size under which a pivot within a block counts as zero. */
const SINGULAR = 1e-15;

/** Behind `work`: a block, one row of it, the scale of each row, the exchanges of rows, and whether it failed. */
export function failedAt(order: number): number {
  return 8 * order * (order + 3);
}

export function workBytes(order: number): number {
  return failedAt(order) + 8;
}

const { add, sub, mul, div } = f64x2;

/** Runs `body` for every row in the stream of one column, its address in `row`. */
const eachBlock = (stream: number, end: number, row: number, body: Statement): Statement => [
  set(end, i32.add(i32.add(get(stream), i32.of(4)), i32.shl(i32.load(get(stream)), i32.of(2)))),
  advance(stream, 4),
  when(
    i32.lessUnsigned(get(stream), get(end)),
    repeat([set(row, i32.load(get(stream))), advance(stream, 4), body], i32.lessUnsigned(get(stream), get(end))),
  ),
];

/** Functions that only `factorise` calls stand first, so that it knows their places. */
const [DIVIDE, SUBTRACT, INVERT] = [0, 1, 2];
type Loop = WasmFunction<keyof BlockLdlLoops | 'divide' | 'subtract' | 'invert'>;

function loops(order: number): Loop[] {
  const half = order / 2;
  const vectorBytes = 8 * order;
  const blockBytes = 8 * order * order;
  const halves = (make: (r: number) => Statement): Statement => Array.from({ length: half }, (_, r) => make(r));
  const registers = (count: number): WasmType[] => Array.from({ length: count }, () => 'v128');
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
    );

  /** accumulators `combine` the block at `lower`, turned, times the vector in the locals from `x` on, in two partial sums. */
  const timesTurned = (
    combine: typeof add,
    { sum, x, even, odd, lower }: Readonly<Record<'sum' | 'x' | 'even' | 'odd' | 'lower', number>>,
  ): Statement => {
    const column = (c: number): Expression =>
      Array.from({ length: half }, (_, r) => mul(f64x2.load(get(lower), vectorBytes * c + 16 * r), get(x + r))).reduce(
        (all, one) => add(all, one),
      );
    return halves((r) => [
      set(even, column(2 * r)),
      set(odd, column(2 * r + 1)),
      set(
        sum + r,
        combine(get(sum + r), add(f64x2.join(get(even), get(odd), 0, 0), f64x2.join(get(even), get(odd), 1, 1))),
      ),
    ]);
  };

  const forward = (): Loop => {
    const [vector, end, lower, stream, last, row, sum] = [0, 1, 2, 3, 4, 5, 6];
    const block = [
      halves((r) => set(sum + r, f64x2.load(get(row), 16 * r))),
      timesColumns(sum, sub, lower, vector),
      halves((r) => f64x2.store(get(row), 16 * r, get(sum + r))),
      advance(lower, blockBytes),
    ];
    return {
      name: 'forward',
      parameters: ['i32', 'i32', 'i32', 'i32'],
      locals: ['i32', 'i32', ...registers(half)],
      body: repeat(
        [eachBlock(stream, last, row, block), advance(vector, vectorBytes)],
        i32.lessUnsigned(get(vector), get(end)),
      ),
    };
  };

  const backward = (): Loop => {
    const [vector, first, pivot, lower, stream, last, row] = [0, 1, 2, 3, 4, 5, 6];
    const [sum, x, even, odd] = [7, 7 + half, 7 + 2 * half, 8 + 2 * half];
    const block = [
      halves((r) => set(x + r, f64x2.load(get(row), 16 * r))),
      timesTurned(sub, { sum, x, even, odd, lower }),
      advance(lower, -blockBytes),
    ];
    return {
      name: 'backward',
      parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
      locals: ['i32', 'i32', ...registers(2 * half), 'v128', 'v128'],
      body: repeat(
        [
          halves((r) => set(sum + r, f64x2.of(0, 0))),
          timesColumns(sum, add, pivot, vector),
          eachBlock(stream, last, row, block),
          halves((r) => f64x2.store(get(vector), 16 * r, get(sum + r))),
          advance(pivot, -blockBytes),
          advance(vector, -vectorBytes),
        ],
        i32.not(i32.lessUnsigned(get(vector), get(first))),
      ),
    };
  };

  /** L_ik = A_ik P for the blocks from `lower` to `end`; the A_ik stand in a row at `own`. */
  const divide = (): Loop => {
    const [lower, end, own, pivot, column, last, sum] = [0, 1, 2, 3, 4, 5, 6];
    const columns = [
      halves((r) => set(sum + r, f64x2.of(0, 0))),
      timesColumns(sum, add, own, column),
      halves((r) => f64x2.store(get(lower), 16 * r, get(sum + r))),
      advance(lower, vectorBytes),
      advance(column, vectorBytes),
    ];
    return {
      name: 'divide',
      parameters: ['i32', 'i32', 'i32', 'i32'],
      locals: ['i32', 'i32', ...registers(half)],
      body: [
        set(last, i32.add(get(pivot), i32.of(blockBytes))),
        repeat(
          [
            set(column, get(pivot)),
            repeat(columns, i32.lessUnsigned(get(column), get(last))),
            advance(own, blockBytes),
          ],
          i32.lessUnsigned(get(lower), get(end)),
        ),
      ],
    };
  };

  /** A_ij -= L_ik A_jk'. */
  const subtract = (): Loop => {
    const [target, lower, own, end, sum] = [0, 1, 2, 3, 4];
    const column = [
      halves((r) => set(sum + r, f64x2.load(get(target), 16 * r))),
      timesColumns(sum, sub, lower, own, vectorBytes),
      halves((r) => f64x2.store(get(target), 16 * r, get(sum + r))),
      advance(target, vectorBytes),
      advance(own, 8),
    ];
    return {
      name: 'subtract',
      parameters: ['i32', 'i32', 'i32'],
      locals: ['i32', ...registers(half)],
      body: [set(end, i32.add(get(own), i32.of(vectorBytes))), repeat(column, i32.lessUnsigned(get(own), get(end)))],
    };
  };

  /**
   * Gauss-Jordan in place with row pivoting, after rows and columns were scaled alike to entries of about one. Columns and
   * rows are counted in bytes: column c of a row stands at row + c.
   */
  const invert = (): Loop => {
    const [at, work, row, end, own, c, best, other, scan, size, next, v] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    const [scales, swaps] = [blockBytes + vectorBytes, blockBytes + 2 * vectorBytes];
    const entry = (from: number, column: number): Expression => i32.add(get(from), get(column));
    const each = (local: number, from: Expression, body: Statement): Statement => [
      set(local, from),
      repeat([body, advance(local, vectorBytes)], i32.lessUnsigned(get(local), get(end))),
    ];
    const copy = (to: number, from: number): Statement =>
      halves((r) => f64x2.store(get(to), 16 * r, f64x2.load(get(from), 16 * r)));
    const findScales = [
      set(end, i32.add(get(at), i32.of(blockBytes))),
      set(c, get(work)),
      each(row, get(at), [
        set(v, f64x2.abs(f64x2.load(get(row)))),
        halves((r) => set(v, f64x2.max(get(v), f64x2.abs(f64x2.load(get(row), 16 * r))))),
        set(size, f64.max(f64x2.lane(get(v), 0), f64x2.lane(get(v), 1))),
        f64.store(
          get(c),
          scales,
          f64.select(f64.div(f64.of(1), f64.sqrt(get(size))), f64.of(1), f64.greater(get(size), f64.of(0))),
        ),
        advance(c, 8),
      ]),
    ];
    const scale = [
      set(own, get(work)),
      set(c, get(work)),
      each(row, get(at), [
        set(v, f64x2.loadSplat(get(c), scales)),
        halves((r) =>
          f64x2.store(
            get(own),
            16 * r,
            mul(mul(f64x2.load(get(row), 16 * r), get(v)), f64x2.load(get(work), scales + 16 * r)),
          ),
        ),
        advance(own, vectorBytes),
        advance(c, 8),
      ]),
    ];
    const findPivot = [
      set(best, get(own)),
      set(other, get(c)),
      set(size, f64.abs(f64.load(entry(own, c)))),
      set(scan, get(c)),
      each(row, get(own), [
        set(next, f64.abs(f64.load(entry(row, c)))),
        when(f64.greater(get(next), get(size)), [set(size, get(next)), set(best, get(row)), set(other, get(scan))]),
        advance(scan, 8),
      ]),
      i32.store(entry(work, c), swaps, get(other)),
      when(i32.not(f64.greater(get(size), f64.of(SINGULAR))), [
        f64.store(get(work), failedAt(order), f64.of(1)),
        leave,
      ]),
    ];
    // The pivot's row is made at `end`; the rows change places on the way.
    const eliminate = [
      set(v, f64x2.loadSplat(entry(best, c))),
      halves((r) => f64x2.store(get(end), 16 * r, div(f64x2.load(get(best), 16 * r), get(v)))),
      copy(best, own),
      f64.store(entry(end, c), 0, f64.div(f64.of(1), f64x2.lane(get(v), 0))),
      each(row, get(work), [
        set(v, f64x2.loadSplat(entry(row, c))),
        f64.store(entry(row, c), 0, f64.of(0)),
        halves((r) =>
          f64x2.store(get(row), 16 * r, sub(f64x2.load(get(row), 16 * r), mul(get(v), f64x2.load(get(end), 16 * r)))),
        ),
      ]),
      copy(own, end),
    ];
    // Rows that were exchanged are columns of the inverse.
    const exchange = [
      advance(c, -8),
      set(other, i32.load(entry(work, c), swaps)),
      when(
        i32.sub(get(other), get(c)),
        each(row, get(work), [
          set(size, f64.load(entry(row, c))),
          f64.store(entry(row, c), 0, f64.load(entry(row, other))),
          f64.store(entry(row, other), 0, get(size)),
        ]),
      ),
    ];
    // The inverse is symmetric but for rounding: both halves get the mean.
    const symmetrise = [
      set(other, i32.of(0)),
      set(scan, get(at)),
      each(own, get(work), [
        set(c, i32.of(0)),
        set(row, get(work)),
        set(best, get(at)),
        repeat(
          [
            set(size, f64.mul(f64.of(0.5), f64.add(f64.load(entry(row, other)), f64.load(entry(own, c))))),
            set(size, f64.mul(get(size), f64.load(entry(work, other), scales))),
            set(size, f64.mul(get(size), f64.load(entry(work, c), scales))),
            f64.store(entry(scan, c), 0, get(size)),
            f64.store(entry(best, other), 0, get(size)),
            advance(row, vectorBytes),
            advance(best, vectorBytes),
            advance(c, 8),
          ],
          i32.not(i32.lessUnsigned(get(other), get(c))),
        ),
        advance(scan, vectorBytes),
        advance(other, 8),
      ]),
    ];
    return {
      name: 'invert',
      parameters: ['i32', 'i32'],
      locals: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'f64', 'f64', 'v128'],
      body: [
        findScales,
        scale,
        set(end, i32.add(get(work), i32.of(blockBytes))),
        set(c, i32.of(0)),
        each(own, get(work), [findPivot, eliminate, advance(c, 8)]),
        repeat(exchange, get(c)),
        symmetrise,
      ],
    };
  };

  const multiply = (): Loop => {
    const [vector, away, pivot, end, lower, stream, last, row] = [0, 1, 2, 3, 4, 5, 6, 7];
    const [from, b, sum] = [8, 9, 10];
    const [x, even, odd] = [sum + half, sum + 2 * half, 1 + sum + 2 * half];
    const loadRow = (local: number, address: number): Statement =>
      halves((r) => set(local + r, f64x2.load(get(address), 16 * r)));
    const storeRow = (address: number): Statement => halves((r) => f64x2.store(get(address), 16 * r, get(sum + r)));
    const block = [
      loadRow(sum, row),
      timesColumns(sum, add, lower, from),
      storeRow(row),
      set(b, i32.add(get(row), get(away))),
      loadRow(x, b),
      loadRow(sum, vector),
      timesTurned(add, { sum, x, even, odd, lower }),
      storeRow(vector),
      advance(lower, blockBytes),
    ];
    return {
      name: 'multiply',
      parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
      locals: ['i32', 'i32', 'i32', 'i32', ...registers(2 * half), 'v128', 'v128'],
      body: repeat(
        [
          set(from, i32.add(get(vector), get(away))),
          loadRow(sum, vector),
          timesColumns(sum, add, pivot, from),
          storeRow(vector),
          eachBlock(stream, last, row, block),
          advance(pivot, blockBytes),
          advance(vector, vectorBytes),
        ],
        i32.lessUnsigned(get(pivot), get(end)),
      ),
    };
  };

  const factorise = (): Loop => {
    const [pivot, end, lower, stream, targets, own, work] = [0, 1, 2, 3, 4, 5, 6];
    const [base, count, lowerEnd, p, right] = [7, 8, 9, 10, 11];
    const column = [
      set(lowerEnd, i32.add(get(lower), i32.mul(get(count), i32.of(blockBytes)))),
      set(p, get(lower)),
      set(right, get(own)),
      repeat(
        [
          halves((r) => f64x2.store(get(right), 16 * r, f64x2.load(get(p), 16 * r))),
          advance(p, vectorBytes),
          advance(right, vectorBytes),
        ],
        i32.lessUnsigned(get(p), get(lowerEnd)),
      ),
      call(DIVIDE, get(lower), get(lowerEnd), get(own), get(pivot)),
      set(right, get(own)),
      repeat(
        [
          set(p, get(lower)),
          repeat(
            [
              call(SUBTRACT, i32.add(get(base), i32.load(get(targets))), get(p), get(right)),
              advance(targets, 4),
              advance(p, blockBytes),
            ],
            i32.lessUnsigned(get(p), get(lowerEnd)),
          ),
          advance(lower, blockBytes),
          advance(right, blockBytes),
        ],
        i32.lessUnsigned(get(lower), get(lowerEnd)),
      ),
    ];
    return {
      name: 'factorise',
      parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
      locals: ['i32', 'i32', 'i32', 'i32', 'i32'],
      body: [
        set(base, get(pivot)),
        f64.store(get(work), failedAt(order), f64.of(0)),
        repeat(
          [
            call(INVERT, get(pivot), get(work)),
            when(f64.greater(f64.load(get(work), failedAt(order)), f64.of(0)), leave),
            set(count, i32.load(get(stream))),
            set(stream, i32.add(get(stream), i32.shl(i32.add(get(count), i32.of(1)), i32.of(2)))),
            when(get(count), column),
            advance(pivot, blockBytes),
          ],
          i32.lessUnsigned(get(pivot), get(end)),
        ),
      ],
    };
  };
  return [divide(), subtract(), invert(), factorise(), forward(), backward(), multiply()];
}

/** The loops for blocks of an even number of rows, on a memory of the caller's. */
export const blockLdlLoops: (memory: WasmMemory, order: number) => BlockLdlLoops = wasmLoops(loops);
