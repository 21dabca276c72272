/** Products and inverses of small dense complex matrices: row major, interleaved re, im, entry (r, c) at 2 (r m + c). */

/** Relative size under which a pivot counts as zero. */
export const SINGULAR = 1e-13;

/** product = a b for m x m complex blocks. */
export function multiplyBlocks(a: Float64Array, b: Float64Array, product: Float64Array, m: number): void {
  for (let r = 0; r < m; r++) {
    for (let c = 0; c < m; c++) {
      let re = 0;
      let im = 0;
      for (let k = 0; k < m; k++) {
        const ar = a[2 * (r * m + k)]!;
        const ai = a[2 * (r * m + k) + 1]!;
        const br = b[2 * (k * m + c)]!;
        const bi = b[2 * (k * m + c) + 1]!;
        re += ar * br - ai * bi;
        im += ar * bi + ai * br;
      }
      product[2 * (r * m + c)] = re;
      product[2 * (r * m + c) + 1] = im;
    }
  }
}

/** Inverts a block in place by Gauss-Jordan with row pivoting; false (and zeros) when it is singular. */
export function invertBlock(block: Float64Array, m: number): boolean {
  const a = Float64Array.from(block);
  let norm = 0;
  for (let i = 0; i < a.length; i++) norm = Math.max(norm, Math.abs(a[i]!));
  block.fill(0);
  for (let r = 0; r < m; r++) block[2 * (r * m + r)] = 1;
  for (let k = 0; k < m; k++) {
    let best = k;
    for (let r = k + 1; r < m; r++) if (magnitude(a, r * m + k) > magnitude(a, best * m + k)) best = r;
    if (!(magnitude(a, best * m + k) > SINGULAR * norm)) {
      block.fill(0);
      return false;
    }
    swapRows(a, k, best, m);
    swapRows(block, k, best, m);
    const pr = a[2 * (k * m + k)]!;
    const pi = a[2 * (k * m + k) + 1]!;
    const d = pr * pr + pi * pi;
    scaleRow(a, k, pr / d, -pi / d, m);
    scaleRow(block, k, pr / d, -pi / d, m);
    for (let r = 0; r < m; r++) {
      if (r === k) continue;
      const fr = a[2 * (r * m + k)]!;
      const fi = a[2 * (r * m + k) + 1]!;
      subtractRow(a, r, k, fr, fi, m);
      subtractRow(block, r, k, fr, fi, m);
    }
  }
  return true;
}

/** Modulus of one entry. */
export function magnitude(a: Float64Array, entry: number): number {
  return Math.hypot(a[2 * entry]!, a[2 * entry + 1]!);
}

function swapRows(a: Float64Array, r: number, s: number, m: number): void {
  if (r === s) return;
  for (let c = 0; c < 2 * m; c++) {
    const keep = a[2 * r * m + c]!;
    a[2 * r * m + c] = a[2 * s * m + c]!;
    a[2 * s * m + c] = keep;
  }
}

function scaleRow(a: Float64Array, r: number, re: number, im: number, m: number): void {
  for (let c = 0; c < m; c++) {
    const at = 2 * (r * m + c);
    const x = a[at]!;
    const y = a[at + 1]!;
    a[at] = x * re - y * im;
    a[at + 1] = x * im + y * re;
  }
}

function subtractRow(a: Float64Array, r: number, s: number, re: number, im: number, m: number): void {
  for (let c = 0; c < m; c++) {
    const at = 2 * (r * m + c);
    const x = a[2 * (s * m + c)]!;
    const y = a[2 * (s * m + c) + 1]!;
    a[at]! -= x * re - y * im;
    a[at + 1]! -= x * im + y * re;
  }
}

/** y[to..] += block x[from..] for an m x m block. */
export function multiplyAdd(
  block: Float64Array,
  x: Float64Array,
  from: number,
  y: Float64Array,
  to: number,
  m: number,
): void {
  for (let r = 0; r < m; r++) {
    for (let c = 0; c < m; c++) {
      const b = 2 * (r * m + c);
      const xr = x[from + 2 * c]!;
      const xi = x[from + 2 * c + 1]!;
      y[to + 2 * r]! += block[b]! * xr - block[b + 1]! * xi;
      y[to + 2 * r + 1]! += block[b]! * xi + block[b + 1]! * xr;
    }
  }
}
