// A pickle reader that builds plain values and tensor references; it keeps only the name of any other object
// and never calls anything.
import type { Dtype } from './safetensors.js';
import { UsageError } from '../errors.js';
import { isForbidden } from './pickle-forbidden.js';
import type { FileBytes } from './file-bytes.js';

/** The location of a tensor's numbers in a checkpoint: a range of a storage, with a stride for each axis. */
export interface PickledTensor {
  readonly kind: 'tensor';
  readonly storage: PickledStorage;
  /** In elements, like the strides. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A block of numbers that several tensors may share. */
export interface PickledStorage {
  readonly kind: 'storage';
  /** Undefined for types that are not plain numbers (quantised, complex). */
  readonly dtype: Dtype | undefined;
  /** torch's class name. */
  readonly type: string;
  readonly key: string;
  readonly count: number;
}

/** A class or function of Python, by its name. It is never looked up. */
export interface PickledName {
  readonly kind: 'name';
  readonly name: string;
}

/** An object of an unknown class: it is not constructed. Its dictionary items are kept. */
export interface ForeignObject {
  readonly kind: 'foreign';
  readonly name: string;
  readonly items: Map<PickledValue, PickledValue>;
}

const mark = { kind: 'mark' } as const;

/** The values of a pickle. Dictionaries keep their order. */
export type PickledValue =
  | null
  | boolean
  | number
  | string
  | PickledValue[]
  | Map<PickledValue, PickledValue>
  | PickledTensor
  | PickledStorage
  | PickledName
  | ForeignObject
  | typeof mark;

type Kind = Extract<PickledValue, { kind: string }>['kind'];
type OfKind<K extends Kind> = Extract<PickledValue, { kind: K }>;

const isKind = <K extends Kind>(value: PickledValue | undefined, kind: K): value is OfKind<K> =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;

/** Whether a pickled value is a tensor. */
export const isPickledTensor = (value: PickledValue | undefined): value is PickledTensor =>
  isKind(value, 'tensor');

/** Whether a pickled value is an object of an unknown class. */
export const isForeign = (value: PickledValue | undefined): value is ForeignObject =>
  isKind(value, 'foreign');

/** The storage classes of torch, and our names for their types. */
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

const foreign = (name: string): ForeignObject => ({ kind: 'foreign', name, items: new Map() });

type Builder = (args: readonly PickledValue[]) => PickledValue | undefined;

const tensor: Builder = ([storage, offset, shape, strides]) =>
  isKind(storage, 'storage') && isIndex(offset) && isIndices(shape) && isIndices(strides)
    ? { kind: 'tensor', storage, offset, shape, strides }
    : undefined;

/**
 * The callables that a checkpoint may name, and the values built in their stead. Any other callable yields an
 * inert object.
 */
const builders: Readonly<Record<string, Builder>> = {
  'collections.OrderedDict': (args) =>
    args.length === 0 ? new Map<PickledValue, PickledValue>() : dictionary(args),
  'collections.defaultdict': () => new Map<PickledValue, PickledValue>(),
  'builtins.dict': (args) => (args.length === 0 ? new Map<PickledValue, PickledValue>() : dictionary(args)),
  'torch._utils._rebuild_tensor': tensor,
  'torch._utils._rebuild_tensor_v2': tensor,
  'torch._utils._rebuild_parameter': ([value]) => (isPickledTensor(value) ? value : undefined),
  'torch._utils._rebuild_parameter_with_state': ([value]) => (isPickledTensor(value) ? value : undefined),
  'torch.nn.parameter.Parameter': ([value]) => (isPickledTensor(value) ? value : undefined),
  // A tensor of a subclass: (function, class, arguments, state).
  'torch._tensor._rebuild_from_type_v2': ([build, , args]) =>
    isKind(build, 'name') && Array.isArray(args) ? builders[build.name]?.(args) : undefined,
  'torch.Size': ([sizes]) => (isIndices(sizes) ? sizes : undefined),
};

/** OrderedDict([(key, value), …]), as written by old versions of Python. */
const dictionary: Builder = ([pairs]) =>
  Array.isArray(pairs) && pairs.every((pair) => Array.isArray(pair) && pair.length === 2)
    ? new Map(pairs as [PickledValue, PickledValue][])
    : undefined;

const MAX_VALUES = 1 << 20;

/** Reads one pickle. */
class Unpickler {
  readonly #file: FileBytes;
  readonly #end: number;
  #at: number;
  readonly #stack: PickledValue[] = [];
  readonly #memo = new Map<number, PickledValue>();
  #count = 0;
  /** Every storage that the pickle refers to, by key. */
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

  #skip(length: number): void {
    if (!(length <= this.#end - this.#at)) throw this.#wrong(`a value of ${length} bytes`);
    this.#at += length;
  }

  #text(length: number): string {
    if (!(length <= this.#end - this.#at)) throw this.#wrong(`a text of ${length} bytes`);
    // Text longer than any name or path belongs to a foreign object.
    const text = length > MAX_TEXT ? '' : this.#file.text(this.#at, length);
    this.#at += length;
    return text;
  }

  /** Bytes belong to objects that are not constructed (NumPy arrays) and are skipped. */
  #bytes(length: number): void {
    this.#skip(length);
    this.#push(foreign('builtins.bytes'));
  }

  #line(): string {
    let text = '';
    for (let c = this.#byte(); c !== 10; c = this.#byte()) {
      if (text.length > MAX_LINE) throw this.#wrong('a name without end');
      text += String.fromCharCode(c);
    }
    return text;
  }

  /** A number in text form; "I01" and "I00" are the booleans of protocol 0. */
  #number(): PickledValue {
    const line = this.#line();
    if (line === '01' || line === '00') return line === '01';
    const value = Number(line.replace(/L$/, ''));
    if (Number.isNaN(value)) throw this.#wrong(`the number ${JSON.stringify(line)}`);
    return value;
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
    if (isForeign(list)) return;
    if (!Array.isArray(list)) throw this.#wrong('no list to append to');
    for (const value of values) list.push(value);
  }

  #setItems(values: PickledValue[]): void {
    const top = this.#top();
    const map = isForeign(top) ? top.items : top;
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

  /** Names are not resolved. A name that could run a program is rejected: such a file is malicious. */
  #global(module: string, name: string): void {
    if (isForbidden(module, name)) {
      throw new UsageError(
        `The pickle in ${this.#file.path} names ${module}.${name}, which runs programs or opens files and belongs in no ` +
          'weight file: here only tensors are read and nothing is called, but other programs would call it.',
      );
    }
    this.#push({ kind: 'name', name: `${module === '__builtin__' ? 'builtins' : module}.${name}` });
  }

  #stackGlobal(): void {
    const [name, module] = [this.#pop(), this.#pop()];
    if (typeof name !== 'string' || typeof module !== 'string') throw this.#wrong('a name that is no text');
    this.#global(module, name);
  }

  /** The result of a call or a new object: a tensor, a plain value, or an inert object. Nothing is called. */
  #make(callable: PickledValue, args: PickledValue): void {
    if (isForeign(callable)) this.#push(foreign(callable.name));
    else if (!isKind(callable, 'name') || !(Array.isArray(args) || isForeign(args))) {
      throw this.#wrong('a call of something that cannot be called');
    } else {
      const build = Object.hasOwn(builders, callable.name) ? builders[callable.name] : undefined;
      this.#push((Array.isArray(args) ? build?.(args) : undefined) ?? foreign(callable.name));
    }
  }

  #call(): void {
    const args = this.#pop();
    this.#make(this.#pop(), args);
  }

  /** NEWOBJ_EX also has keyword arguments. */
  #newWithKeywords(): void {
    this.#pop();
    this.#call();
  }

  /** OBJ: a mark, a class, its arguments. */
  #object(): void {
    const [callable, ...args] = this.#toMark();
    if (callable === undefined) throw this.#wrong('an object without class');
    this.#make(callable, args);
  }

  /** INST: a class name, and the arguments after a mark. */
  #instance(): void {
    const args = this.#toMark();
    this.#global(this.#line(), this.#line());
    this.#make(this.#pop(), args);
  }

  /**
   * `('storage', class, key, device, count)`, the only kind of object that torch stores outside its pickle.
   */
  #persistent(): void {
    const id = this.#pop();
    const [tag, type, key, , count] = Array.isArray(id) ? id : [];
    const name = isKind(type, 'name') ? type.name : '';
    const match = /^torch\.(?:storage\.|cuda\.)?(\w+Storage)$/.exec(name);
    if (tag !== 'storage' || !match || typeof key !== 'string' || !isIndex(count)) {
      throw this.#wrong('a reference that is no storage of numbers');
    }
    const storage: PickledStorage = {
      kind: 'storage',
      dtype: storages[match[1]!],
      type: match[1]!,
      key,
      count,
    };
    this.storages.set(key, storage);
    this.#push(storage);
  }

  /** Protocol 0 turns the reference into text, which torch itself cannot read back. */
  #persistentText(): never {
    throw new UsageError(
      `${this.#file.path} was saved with pickle_protocol=0, which loses the references to its tensors: not even torch.load reads ` +
        'it. Save it again with torch.save(model.state_dict(), file), without pickle_protocol.',
    );
  }

  /**
   * The opcodes of all protocols, except extensions and out-of-band buffers; a number is the size of a length
   * or value in bytes.
   */
  readonly #opcodes: Readonly<Record<number, () => void>> = {
    0x80: () => void this.#byte(), // PROTO
    0x95: () => void this.#uint(8), // FRAME
    0x28: () => this.#push(mark), // MARK
    0x30: () => void this.#stack.pop(), // POP
    0x31: () => void this.#toMark(), // POP_MARK
    0x32: () => this.#push(this.#top()), // DUP
    0x4e: () => this.#push(null), // NONE
    0x88: () => this.#push(true), // NEWTRUE
    0x89: () => this.#push(false), // NEWFALSE
    0x49: () => this.#push(this.#number()), // INT
    0x4c: () => this.#push(this.#number()), // LONG
    0x46: () => this.#push(this.#number()), // FLOAT
    0x4a: () => this.#push(this.#signed(4)), // BININT
    0x4b: () => this.#push(this.#uint(1)), // BININT1
    0x4d: () => this.#push(this.#uint(2)), // BININT2
    0x8a: () => this.#push(this.#signed(this.#byte())), // LONG1
    0x8b: () => this.#push(this.#signed(this.#uint(4))), // LONG4
    0x47: () => this.#push(this.#double()), // BINFLOAT
    0x53: () => this.#push(this.#line().replace(/^['"]|['"]$/g, '')), // STRING
    0x56: () => this.#push(this.#line()), // UNICODE
    0x58: () => this.#push(this.#text(this.#uint(4))), // BINUNICODE
    0x8c: () => this.#push(this.#text(this.#byte())), // SHORT_BINUNICODE
    0x8d: () => this.#push(this.#text(this.#uint(8))), // BINUNICODE8
    0x55: () => this.#push(this.#text(this.#byte())), // SHORT_BINSTRING
    0x54: () => this.#push(this.#text(this.#uint(4))), // BINSTRING
    0x42: () => this.#bytes(this.#uint(4)), // BINBYTES
    0x43: () => this.#bytes(this.#byte()), // SHORT_BINBYTES
    0x8e: () => this.#bytes(this.#uint(8)), // BINBYTES8
    0x96: () => this.#bytes(this.#uint(8)), // BYTEARRAY8
    0x5d: () => this.#push([]), // EMPTY_LIST
    0x7d: () => this.#push(new Map()), // EMPTY_DICT
    0x29: () => this.#push([]), // EMPTY_TUPLE
    0x8f: () => this.#push([]), // EMPTY_SET
    0x74: () => this.#push(this.#toMark()), // TUPLE
    0x6c: () => this.#push(this.#toMark()), // LIST
    0x91: () => this.#push(this.#toMark()), // FROZENSET
    0x64: () => this.#dictionary(this.#toMark()), // DICT
    0x85: () => this.#push([this.#pop()]), // TUPLE1
    0x86: () => this.#push([this.#pop(), this.#pop()].reverse()), // TUPLE2
    0x87: () => this.#push([this.#pop(), this.#pop(), this.#pop()].reverse()), // TUPLE3
    0x61: () => this.#append([this.#pop()]), // APPEND
    0x65: () => this.#append(this.#toMark()), // APPENDS
    0x90: () => this.#append(this.#toMark()), // ADDITEMS
    0x73: () => this.#setItems([this.#pop(), this.#pop()].reverse()), // SETITEM
    0x75: () => this.#setItems(this.#toMark()), // SETITEMS
    0x70: () => this.#remember(Number(this.#line())), // PUT
    0x71: () => this.#remember(this.#byte()), // BINPUT
    0x72: () => this.#remember(this.#uint(4)), // LONG_BINPUT
    0x94: () => this.#remember(this.#memo.size), // MEMOIZE
    0x67: () => this.#recall(Number(this.#line())), // GET
    0x68: () => this.#recall(this.#byte()), // BINGET
    0x6a: () => this.#recall(this.#uint(4)), // LONG_BINGET
    0x63: () => this.#global(this.#line(), this.#line()), // GLOBAL
    0x93: () => this.#stackGlobal(), // STACK_GLOBAL
    0x52: () => this.#call(), // REDUCE
    0x81: () => this.#call(), // NEWOBJ
    0x92: () => this.#newWithKeywords(), // NEWOBJ_EX
    0x6f: () => this.#object(), // OBJ
    0x69: () => this.#instance(), // INST
    0x50: () => this.#persistentText(), // PERSID
    0x51: () => this.#persistent(), // BINPERSID
    // BUILD sets attributes of an object (an ordered dictionary's version notes): these are not needed.
    0x62: () => void this.#pop(),
  };

  #dictionary(values: PickledValue[]): void {
    this.#push(new Map());
    this.#setItems(values);
  }

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

const MAX_TEXT = 1 << 16;
const MAX_LINE = 1000;

/**
 * Reads the pickle at `start`. Returns its value, its end offset, and the storages that it refers to.
 *
 * @throws UsageError naming the file when the pickle is damaged, or contains a name that could run programs
 */
export const unpickle = (
  file: FileBytes,
  start: number,
  end: number,
): { value: PickledValue; end: number; storages: ReadonlyMap<string, PickledStorage> } => {
  const reader = new Unpickler(file, start, end);
  return { value: reader.run(), end: reader.position, storages: reader.storages };
};
