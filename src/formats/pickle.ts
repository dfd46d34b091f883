// A pickle reader that builds plain values and tensor references and refuses everything else: it never calls anything.
import type { Dtype } from './safetensors.js';
import type { FileBytes } from './file-bytes.js';

/** Where a tensor's numbers lie in a checkpoint: a stretch of a storage, with a stride for each axis. */
export interface PickledTensor {
  readonly kind: 'tensor';
  readonly storage: PickledStorage;
  /** In elements, as are the strides. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A block of numbers that several tensors may share. */
export interface PickledStorage {
  readonly kind: 'storage';
  readonly dtype: Dtype;
  readonly key: string;
  readonly count: number;
}

interface Callable {
  readonly kind: 'callable';
  readonly name: string;
}

const mark = { kind: 'mark' } as const;

/** What a pickle may hold. Dictionaries keep their order. */
export type PickledValue =
  | null
  | boolean
  | number
  | string
  | PickledValue[]
  | Map<PickledValue, PickledValue>
  | PickledTensor
  | PickledStorage
  | Callable
  | typeof mark;

/** The storage classes of torch, and our names of their types. */
const storages: Readonly<Record<string, Dtype>> = {
  FloatStorage: 'F32',
  DoubleStorage: 'F64',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

const isIndex = (value: PickledValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const isIndices = (value: PickledValue | undefined): value is number[] =>
  Array.isArray(value) && value.every(isIndex);

const isStorage = (value: PickledValue | undefined): value is PickledStorage =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'storage';

const isTensor = (value: PickledValue | undefined): value is PickledTensor =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tensor';

/** All that a checkpoint may "call", and what we build instead. */
const builders: Readonly<Record<string, (args: PickledValue[]) => PickledValue | undefined>> = {
  'collections OrderedDict': (args) =>
    args.length === 0 ? new Map<PickledValue, PickledValue>() : undefined,
  'torch._utils _rebuild_tensor': ([storage, offset, shape, strides]) =>
    isStorage(storage) && isIndex(offset) && isIndices(shape) && isIndices(strides)
      ? { kind: 'tensor', storage, offset, shape, strides }
      : undefined,
  'torch._utils _rebuild_tensor_v2': (args) => builders['torch._utils _rebuild_tensor']!(args.slice(0, 4)),
  'torch._utils _rebuild_parameter': ([tensor]) => (isTensor(tensor) ? tensor : undefined),
  'torch Size': ([sizes]) => (isIndices(sizes) ? sizes : undefined),
};

const MAX_VALUES = 1 << 20;

/** Reads one pickle. */
class Unpickler {
  readonly #file: FileBytes;
  readonly #end: number;
  #at: number;
  readonly #stack: PickledValue[] = [];
  readonly #memo = new Map<number, PickledValue>();
  #count = 0;
  /** Every storage that was referred to, by its key. */
  readonly storages = new Map<string, PickledStorage>();

  constructor(file: FileBytes, start: number, end: number) {
    [this.#file, this.#at, this.#end] = [file, start, end];
  }

  get position(): number {
    return this.#at;
  }

  #wrong(what: string): Error {
    return this.#file.wrong(`${what} at byte ${this.#at} of its pickle`);
  }

  #byte(): number {
    if (this.#at >= this.#end) throw this.#wrong('the pickle ends');
    return this.#file.byte(this.#at++);
  }

  #uint(bytes: number): number {
    let value = 0;
    for (let i = 0; i < bytes; i++) value += this.#byte() * 2 ** (8 * i);
    return value;
  }

  #text(length: number): string {
    if (length > this.#end - this.#at) throw this.#wrong(`a text of ${length} bytes`);
    const text = this.#file.text(this.#at, length);
    this.#at += length;
    return text;
  }

  #line(): string {
    let text = '';
    for (let c = this.#byte(); c !== 10; c = this.#byte()) {
      if (text.length > 1000) throw this.#wrong('a name without end');
      text += String.fromCharCode(c);
    }
    return text;
  }

  #signed(bytes: number): number {
    if (bytes > 1000) throw this.#wrong(`a number of ${bytes} bytes`);
    let value = 0n;
    for (let i = 0; i < bytes; i++) value |= BigInt(this.#byte()) << BigInt(8 * i);
    return Number(BigInt.asIntN(8 * bytes, value));
  }

  #double(): number {
    const bytes = Uint8Array.from({ length: 8 }, () => this.#byte());
    return new DataView(bytes.buffer).getFloat64(0);
  }

  #pop(): PickledValue {
    const value = this.#stack.pop();
    if (value === undefined || value === mark) throw this.#wrong('nothing left to take');
    return value;
  }

  #push(value: PickledValue): void {
    if (++this.#count > MAX_VALUES) throw this.#wrong(`more than ${MAX_VALUES} values`);
    this.#stack.push(value);
  }

  #toMark(): PickledValue[] {
    const at = this.#stack.lastIndexOf(mark);
    if (at < 0) throw this.#wrong('no mark');
    const values = this.#stack.splice(at);
    return values.slice(1);
  }

  #top(): PickledValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw this.#wrong('nothing to look at');
    return value;
  }

  #append(values: PickledValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#wrong('no list to append to');
    for (const value of values) list.push(value);
  }

  #setItems(values: PickledValue[]): void {
    const map = this.#top();
    if (!(map instanceof Map) || values.length % 2) throw this.#wrong('no dictionary to fill');
    for (let i = 0; i < values.length; i += 2) map.set(values[i]!, values[i + 1]!);
  }

  #remember(index: number): void {
    this.#memo.set(index, this.#top());
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#wrong(`no value ${index}`);
    this.#push(value);
  }

  /** A name is kept as a name; whether it may be used shows when something is built with it. */
  #global(module: string, name: string): void {
    const full = `${module} ${name}`;
    const storage = module === 'torch' && Object.hasOwn(storages, name);
    const known = Object.hasOwn(builders, full) || storage;
    if (!known) {
      throw this.#file.wrong(
        `its pickle wants to use ${module}.${name}, which no weight file needs; only tensors are read, nothing is called`,
      );
    }
    this.#push({ kind: 'callable', name: storage ? name : full });
  }

  #call(): void {
    const args = this.#pop();
    const callable = this.#pop();
    if (!Array.isArray(args) || typeof callable !== 'object' || callable === null || !('kind' in callable)) {
      throw this.#wrong('a call of something that cannot be called');
    }
    const build = callable.kind === 'callable' ? builders[callable.name] : undefined;
    const built = build?.(args);
    if (built === undefined) throw this.#wrong('a tensor that cannot be built from its arguments');
    this.#push(built);
  }

  /** `('storage', class, key, device, count)`, the only thing that torch keeps outside its pickle. */
  #persistent(): void {
    const id = this.#pop();
    const [tag, type, key, , count] = Array.isArray(id) ? id : [];
    const name =
      typeof type === 'object' && type !== null && 'kind' in type && type.kind === 'callable'
        ? type.name
        : '';
    const dtype = storages[name];
    if (tag !== 'storage' || dtype === undefined || typeof key !== 'string' || !isIndex(count)) {
      throw this.#wrong('a reference that is no storage of numbers');
    }
    const storage: PickledStorage = { kind: 'storage', dtype, key, count };
    this.storages.set(key, storage);
    this.#push(storage);
  }

  /** The opcodes that torch writes; a number is how many bytes an argument's length or value has. */
  readonly #opcodes: Readonly<Record<number, () => void>> = {
    0x80: () => void this.#byte(), // PROTO
    0x95: () => void this.#uint(8), // FRAME
    0x28: () => this.#push(mark), // MARK
    0x30: () => void this.#pop(), // POP
    0x31: () => void this.#toMark(), // POP_MARK
    0x32: () => this.#push(this.#top()), // DUP
    0x4e: () => this.#push(null), // NONE
    0x88: () => this.#push(true), // NEWTRUE
    0x89: () => this.#push(false), // NEWFALSE
    0x4a: () => this.#push(this.#signed(4)), // BININT
    0x4b: () => this.#push(this.#uint(1)), // BININT1
    0x4d: () => this.#push(this.#uint(2)), // BININT2
    0x8a: () => this.#push(this.#signed(this.#byte())), // LONG1
    0x47: () => this.#push(this.#double()), // BINFLOAT
    0x58: () => this.#push(this.#text(this.#uint(4))), // BINUNICODE
    0x8c: () => this.#push(this.#text(this.#byte())), // SHORT_BINUNICODE
    0x55: () => this.#push(this.#text(this.#byte())), // SHORT_BINSTRING
    0x54: () => this.#push(this.#text(this.#uint(4))), // BINSTRING
    0x5d: () => this.#push([]), // EMPTY_LIST
    0x7d: () => this.#push(new Map()), // EMPTY_DICT
    0x29: () => this.#push([]), // EMPTY_TUPLE
    0x74: () => this.#push(this.#toMark()), // TUPLE
    0x6c: () => this.#push(this.#toMark()), // LIST
    0x85: () => this.#push([this.#pop()]), // TUPLE1
    0x86: () => this.#push([this.#pop(), this.#pop()].reverse()), // TUPLE2
    0x87: () => this.#push([this.#pop(), this.#pop(), this.#pop()].reverse()), // TUPLE3
    0x61: () => this.#append([this.#pop()]), // APPEND
    0x65: () => this.#append(this.#toMark()), // APPENDS
    0x73: () => this.#setItems([this.#pop(), this.#pop()].reverse()), // SETITEM
    0x75: () => this.#setItems(this.#toMark()), // SETITEMS
    0x71: () => this.#remember(this.#byte()), // BINPUT
    0x72: () => this.#remember(this.#uint(4)), // LONG_BINPUT
    0x94: () => this.#remember(this.#memo.size), // MEMOIZE
    0x68: () => this.#recall(this.#byte()), // BINGET
    0x6a: () => this.#recall(this.#uint(4)), // LONG_BINGET
    0x63: () => this.#global(this.#line(), this.#line()), // GLOBAL
    0x52: () => this.#call(), // REDUCE
    0x51: () => this.#persistent(), // BINPERSID
    // BUILD sets attributes of an object (an ordered dictionary's version notes): they are not needed.
    0x62: () => void this.#pop(),
  };

  run(): PickledValue {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x2e) return this.#pop(); // STOP
      const act = this.#opcodes[opcode];
      if (!act)
        throw this.#wrong(`the pickle instruction 0x${opcode.toString(16)}, which no weight file needs,`);
      act();
    }
  }
}

/**
 * Reads the pickle at `start`. Returns its value, where it ends, and the storages that it refers to.
 *
 * @throws UsageError naming the file when the pickle is damaged or uses anything but tensors and plain values
 */
export const unpickle = (
  file: FileBytes,
  start: number,
  end: number,
): { value: PickledValue; end: number; storages: ReadonlyMap<string, PickledStorage> } => {
  const reader = new Unpickler(file, start, end);
  return { value: reader.run(), end: reader.position, storages: reader.storages };
};

/** Whether a pickled value is a tensor. */
export const isPickledTensor = isTensor;
