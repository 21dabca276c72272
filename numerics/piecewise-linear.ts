/**
 * Continuous piecewise linear functions of one number, each on a closed interval, and what dynamic programming does with
 * them: infimal convolution (f # g)(x) = min over u of f(u) + g(x - u). Neither needs to be convex.
 */

/** Points of a graph with straight lines between them: `x` ascending, without repetition; one point is an interval too. */
export interface PiecewiseLinear {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** Points that lie so close to the line through their neighbours are left out; the same relative to the greatest value. */
const COLLINEAR = 1e-13;

/** Through points in ascending order. */
export function piecewiseLinear(x: readonly number[], y: readonly number[]): PiecewiseLinear {
  const graph = createGraph();
  for (let i = 0; i < x.length; i += 1) graph.lineTo(x[i] as number, y[i] as number);
  return graph.drawn;
}

/** Value at a place; Infinity outside of the interval. */
export function valueAt({ x, y }: PiecewiseLinear, at: number): number {
  const last = x.length - 1;
  if (!(at >= (x[0] as number) && at <= (x[last] as number))) return Infinity;
  const after = firstFrom(x, at);
  const right = x[after] as number;
  if (right === at) return y[after] as number;
  const left = x[after - 1] as number;
  const share = (at - left) / (right - left);
  return (1 - share) * (y[after - 1] as number) + share * (y[after] as number);
}

/** The same function on the part of its interval from `from` to `to`; undefined where they have nothing in common. */
export function within(f: PiecewiseLinear, from: number, to: number): PiecewiseLinear | undefined {
  const start = Math.max(from, f.x[0] as number);
  const end = Math.min(to, f.x.at(-1) as number);
  if (start > end) return undefined;
  const x = [start];
  const y = [valueAt(f, start)];
  for (let i = 0; i < f.x.length; i += 1) {
    const at = f.x[i] as number;
    if (at <= start || at >= end) continue;
    x.push(at);
    y.push(f.y[i] as number);
  }
  if (end > start) {
    x.push(end);
    y.push(valueAt(f, end));
  }
  return { x, y };
}

/**
 * (f # g)(x) = min over u of f(u) + g(x - u). Between convex pieces that is merging their segments by slope (R. T.
 * Rockafellar, "Convex Analysis", 1970, theorem 16.4); of all pairs of pieces the least value counts.
 */
export function infimalConvolution(f: PiecewiseLinear, g: PiecewiseLinear): PiecewiseLinear {
  const pieces = convexPieces(f);
  return least(convexPieces(g).map((piece) => least(pieces.map((other) => ofConvex(other, piece)))));
}

/** Where f(u) + g(x - u) is least: the u, the lowest of several. What x is out of reach by counts as rounding. */
export function bestSplit(f: PiecewiseLinear, g: PiecewiseLinear, x: number): number {
  const end = f.x.at(-1) as number;
  const from = Math.min(end, Math.max(f.x[0] as number, x - (g.x.at(-1) as number)));
  const to = Math.max(from, Math.min(end, x - (g.x[0] as number)));
  let best = from;
  let leastSum = Infinity;
  const offer = (u: number, sum: number) => {
    if (sum < leastSum || (sum === leastSum && u < best)) [best, leastSum] = [u, sum];
  };
  // The sum is linear between the points of both: one of them, or an end, is best.
  for (let i = 0; i < f.x.length; i += 1) {
    const u = f.x[i] as number;
    if (u >= from && u <= to) offer(u, (f.y[i] as number) + valueNear(g, x - u));
  }
  for (let i = 0; i < g.x.length; i += 1) {
    const u = x - (g.x[i] as number);
    if (u >= from && u <= to) offer(u, valueNear(f, u) + (g.y[i] as number));
  }
  return best;
}

/** What a number is beyond the interval by rounding counts as its end. */
function valueNear(f: PiecewiseLinear, at: number): number {
  return valueAt(f, Math.min(Math.max(at, f.x[0] as number), f.x.at(-1) as number));
}

/** Points `from` to `to` of a function, between which its slope does not fall. */
interface Piece {
  readonly of: PiecewiseLinear;
  readonly from: number;
  readonly to: number;
}

/** Neighbours share a point. */
function convexPieces(f: PiecewiseLinear): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (let i = 1; i + 1 < f.x.length; i += 1) {
    if (slopeAfter(f, i) >= slopeAfter(f, i - 1)) continue;
    pieces.push({ of: f, from, to: i });
    from = i;
  }
  pieces.push({ of: f, from, to: f.x.length - 1 });
  return pieces;
}

function slopeAfter({ x, y }: PiecewiseLinear, i: number): number {
  return ((y[i + 1] as number) - (y[i] as number)) / ((x[i + 1] as number) - (x[i] as number));
}

function ofConvex({ of: f, from: i0, to: iEnd }: Piece, { of: g, from: j0, to: jEnd }: Piece): PiecewiseLinear {
  const graph = createGraph();
  let [i, j] = [i0, j0];
  // The sum of both places, not of the steps to them: so no rounding adds up.
  const draw = () => graph.lineTo((f.x[i] as number) + (g.x[j] as number), (f.y[i] as number) + (g.y[j] as number));
  draw();
  while (i < iEnd || j < jEnd) {
    if (j === jEnd || (i < iEnd && slopeAfter(f, i) <= slopeAfter(g, j))) i += 1;
    else j += 1;
    draw();
  }
  return graph.drawn;
}

/**
 * The least of functions whose intervals begin and end in their order and overlap. Where one begins, an earlier one is as
 * low, and where one ends, a later one: convolutions with neighbouring pieces are so, and their least is continuous.
 */
function least(functions: readonly PiecewiseLinear[]): PiecewiseLinear {
  if (functions.length === 1) return functions[0] as PiecewiseLinear;
  const middle = functions.length >> 1;
  return lowerOf(least(functions.slice(0, middle)), least(functions.slice(middle)));
}

/** One sweep over the points of both. */
function lowerOf(f: PiecewiseLinear, g: PiecewiseLinear): PiecewiseLinear {
  const graph = createGraph();
  let [i, j] = [0, 0];
  let [before, difference] = [Number.NaN, Number.NaN];
  while (i < f.x.length || j < g.x.length) {
    const at =
      j === g.x.length || (i < f.x.length && (f.x[i] as number) < (g.x[j] as number))
        ? (f.x[i] as number)
        : (g.x[j] as number);
    const ofF = valueBefore(f, i, at);
    const ofG = valueBefore(g, j, at);
    const now = ofF - ofG;
    if (difference * now < 0 && Number.isFinite(difference * now)) {
      const crossing = before + ((at - before) * difference) / (difference - now);
      if (crossing > before && crossing < at) {
        graph.lineTo(crossing, Math.min(valueBefore(f, i, crossing), valueBefore(g, j, crossing)));
      }
    }
    graph.lineTo(at, Math.min(ofF, ofG));
    if (f.x[i] === at) i += 1;
    if (g.x[j] === at) j += 1;
    before = at;
    difference = now;
  }
  return graph.drawn;
}

/** Value at a place that is at most the point `i` and beyond the one before it. */
function valueBefore({ x, y }: PiecewiseLinear, i: number, at: number): number {
  const right = x[i];
  if (right === at) return y[i] as number;
  if (right === undefined || i === 0) return Infinity;
  const left = x[i - 1] as number;
  const share = (at - left) / (right - left);
  return (1 - share) * (y[i - 1] as number) + share * (y[i] as number);
}

interface Graph {
  readonly drawn: PiecewiseLinear;
  lineTo(x: number, y: number): void;
}

/** Draws from left to right; of two points at one place the lower one counts, and those on a line are left out. */
function createGraph(): Graph {
  const x: number[] = [];
  const y: number[] = [];
  return {
    drawn: { x, y },
    lineTo(at, value) {
      const n = x.length;
      if (n > 0 && at <= (x[n - 1] as number)) {
        y[n - 1] = Math.min(y[n - 1] as number, value);
      } else if (n > 1 && isBetween(x, y, n - 1, at, value)) {
        x[n - 1] = at;
        y[n - 1] = value;
      } else {
        x.push(at);
        y.push(value);
      }
    },
  };
}

/** Whether point `i` lies on the line from the one before it to another one. */
function isBetween(x: readonly number[], y: readonly number[], i: number, toX: number, toY: number): boolean {
  const [x0, y0] = [x[i - 1] as number, y[i - 1] as number];
  const onLine = y0 + ((toY - y0) * ((x[i] as number) - x0)) / (toX - x0);
  return Math.abs((y[i] as number) - onLine) <= COLLINEAR * (1 + Math.abs(y0) + Math.abs(toY));
}

/** Index of the first place that is not below `at`. */
function firstFrom(x: readonly number[], at: number): number {
  let [low, high] = [0, x.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
