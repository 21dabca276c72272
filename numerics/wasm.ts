/**
 * A small assembler for WebAssembly: innermost loops with two-lane arithmetic (`f64x2`: one complex number a register),
 * which JavaScript has no words for. An expression is the list of its bytes and of the expressions that it is made of, so
 * expressions compose as functions do.
 *
 * Opcodes: WebAssembly Core Specification 2.0, section 5.4 (instructions) and 5.5 (modules).
 */

/** Bytes that leave one value on the stack, and bytes that leave none. */
export type Expression = readonly (number | Expression)[];
export type Statement = Expression;

const TYPES = { i32: 0x7f, f64: 0x7c, v128: 0x7b } as const;
export type WasmType = keyof typeof TYPES;

/** Unsigned and signed LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

const binary =
  (...opcode: Expression) =>
  (a: Expression, b: Expression): Expression => [a, b, opcode];
/** `alignment` is the logarithm to base 2 of the bytes that a number takes. */
const loading =
  (opcode: number, alignment: number) =>
  (address: Expression, offset = 0): Expression => [address, opcode, alignment, unsigned(offset)];
const storing =
  (opcode: number, alignment: number) =>
  (address: Expression, offset: number, value: Expression): Statement => [
    address,
    value,
    opcode,
    alignment,
    unsigned(offset),
  ];
const simd = (opcode: number): Expression => [0xfd, unsigned(opcode)];

export const get = (local: number): Expression => [0x20, unsigned(local)];
export const set = (local: number, value: Expression): Statement => [value, 0x21, unsigned(local)];
/** Moves an address in a local. */
export const advance = (local: number, bytes: number): Statement => set(local, i32.add(get(local), i32.of(bytes)));

export const i32 = {
  of: (value: number): Expression => [0x41, ...signed(value)],
  add: binary(0x6a),
  sub: binary(0x6b),
  shl: binary(0x74),
  shiftRight: binary(0x76),
  mul: binary(0x6c),
  lessUnsigned: binary(0x49),
  not: (a: Expression): Expression => [a, 0x45],
  load: loading(0x28, 2),
  store: storing(0x36, 2),
};

export const f64 = {
  of: (value: number): Expression => [0x44, bytesOf(value)],
  mul: binary(0xa2),
  div: binary(0xa3),
  add: binary(0xa0),
  max: binary(0xa5),
  abs: (a: Expression): Expression => [a, 0x99],
  sqrt: (a: Expression): Expression => [a, 0x9f],
  greater: binary(0x64),
  equal: binary(0x61),
  lessOrEqual: binary(0x65),
  load: loading(0x2b, 3),
  store: storing(0x39, 3),
  fromI32: (a: Expression): Expression => [a, 0xb7],
  /** a where the condition holds, else b. */
  select: (a: Expression, b: Expression, condition: Expression): Expression => [a, b, condition, 0x1b],
};

export const f64x2 = {
  add: binary(simd(0xf0)),
  sub: binary(simd(0xf1)),
  mul: binary(simd(0xf2)),
  div: binary(simd(0xf3)),
  max: binary(simd(0xf5)),
  abs: (a: Expression): Expression => [a, simd(0xec)],
  splat: (a: Expression): Expression => [a, simd(0x14)],
  /** The sum of both numbers, in both lanes. */
  sum: (a: Expression, local: number): Expression => [
    a,
    0x22,
    unsigned(local),
    get(local),
    get(local),
    simd(0x0d),
    lanes(1),
    lanes(0),
    simd(0xf0),
  ],
  /** One of the two numbers. */
  lane: (a: Expression, lane: 0 | 1): Expression => [a, simd(0x21), lane],
  /** The numbers `first` and `second` of a, which may be the same. */
  pick: (a: Expression, first: 0 | 1, second: 0 | 1, local: number): Expression => [
    a,
    0x22,
    unsigned(local),
    get(local),
    simd(0x0d),
    lanes(first),
    lanes(second),
  ],
  /** One number of a and one of b. */
  join: (a: Expression, b: Expression, first: 0 | 1, second: 0 | 1): Expression => [
    a,
    b,
    simd(0x0d),
    lanes(first),
    lanes(second).map((byte) => 16 + byte),
  ],
  xor: binary(simd(0x51)),
  load: (address: Expression, offset = 0): Expression => [address, simd(0x00), 3, unsigned(offset)],
  /** The same number twice. */
  loadSplat: (address: Expression, offset = 0): Expression => [address, simd(0x0a), 3, unsigned(offset)],
  store: (address: Expression, offset: number, value: Expression): Statement => [
    address,
    value,
    simd(0x0b),
    3,
    unsigned(offset),
  ],
  of: (first: number, second: number): Expression => [simd(0x0c), bytesOf(first), bytesOf(second)],
};

/** Of a number in 64 bits. */
function bytesOf(value: number): number[] {
  return Array.from(new Uint8Array(Float64Array.of(value).buffer));
}

function lanes(which: 0 | 1): number[] {
  return Array.from({ length: 8 }, (_, byte) => 8 * which + byte);
}

/** Repeats while the condition at its end holds: the body runs at least once. */
export const repeat = (body: Statement, again: Expression): Statement => [0x03, 0x40, body, again, 0x0d, 0, 0x0b];
export const when = (condition: Expression, body: Statement): Statement => [condition, 0x04, 0x40, body, 0x0b];
/** Calls the function of this place in the module. */
export const call = (place: number, ...values: readonly Expression[]): Statement => [values, 0x10, unsigned(place)];
/** Ends the function. */
export const leave: Statement = [0x0f];

export interface WasmFunction<Name extends string = string> {
  readonly name: Name;
  readonly parameters: readonly WasmType[];
  /** Numbered behind the parameters. */
  readonly locals: readonly WasmType[];
  readonly body: Statement;
}

/** All bytes of an expression, in order. */
function append(expression: Expression, bytes: number[]): number[] {
  for (const part of expression) {
    if (typeof part === 'number') bytes.push(part);
    else append(part, bytes);
  }
  return bytes;
}

/** A module of functions without results on a memory that it imports as `env.memory`. */
function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const list = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
  const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
  const text = (value: string): number[] => [...unsigned(value.length), ...new TextEncoder().encode(value)];
  const types = functions.map(({ parameters }) => [0x60, ...list(parameters.map((type) => [TYPES[type]])), 0]);
  const memory = [...text('env'), ...text('memory'), 0x02, 0x00, 0];
  const exports = functions.map(({ name }, k) => [...text(name), 0x00, ...unsigned(k)]);
  const codes = functions.map(({ locals, body }) => {
    const code = append([...list(locals.map((type) => [1, TYPES[type]])), body, 0x0b], []);
    return [...unsigned(code.length), ...code];
  });
  const magicAndVersion = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  return new Uint8Array([
    ...magicAndVersion,
    ...section(1, list(types)),
    ...section(2, list([memory])),
    ...section(3, list(functions.map((_, k) => unsigned(k)))),
    ...section(7, list(exports)),
    ...section(10, list(codes)),
  ]);
}

/** What is used of the runtime's interface, which the language's own library does not declare. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: { initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => {
    readonly exports: Readonly<Record<string, (...numbers: number[]) => void>>;
  };
};

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** A memory of at least so many bytes, zero; it never grows, so views on it stay valid. */
export function createMemory(bytes: number): WasmMemory {
  return new WebAssembly.Memory({ initial: Math.max(1, Math.ceil(bytes / 65_536)) });
}

/**
 * Functions that are written for one size: those of a size are compiled once, each instance has them under their names and
 * works on a memory of its own.
 */
export function wasmLoops<Name extends string>(
  write: (size: number) => readonly WasmFunction<Name>[],
): (memory: WasmMemory, size: number) => Readonly<Record<Name, (...numbers: number[]) => void>> {
  const modules = new Map<number, object>();
  return (memory, size) => {
    const module = modules.get(size) ?? new WebAssembly.Module(assemble(write(size)));
    modules.set(size, module);
    return new WebAssembly.Instance(module, { env: { memory } }).exports;
  };
}
