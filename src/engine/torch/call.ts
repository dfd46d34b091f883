// Calls libtorch's operators by name through its dispatcher: how arguments are encoded, and who owns the tensors.
import koffi from 'koffi';
import { type TorchLibrary, check } from './library.js';

/** A tensor of libtorch: the address of its object. Whoever receives one from here deletes it. */
export type Handle = number;

/** libtorch's numbers of element types. */
export const dtypes = {
  uint8: 0,
  int32: 3,
  int64: 4,
  float32: 6,
  float64: 7,
  bool: 11,
  bfloat16: 15,
} as const;

/** Encodes one argument as the dispatcher's 64 bits. */
type Encode = (torch: Torch) => bigint;

/** An argument of an operator. */
export interface Argument {
  readonly encode: Encode;
}

const bits = new BigUint64Array(1);
const double = new Float64Array(bits.buffer);

const argument = (encode: Encode): Argument => ({ encode });

export const int = (value: number): Argument => argument(() => BigInt.asUintN(64, BigInt(value)));
export const bool = (value: boolean): Argument => argument(() => (value ? 1n : 0n));
export const float = (value: number): Argument =>
  argument(() => {
    double[0] = value;
    return bits[0]!;
  });
/** The dispatcher takes the handle away, so it gets one of its own. */
export const tensor = (handle: Handle): Argument => argument((torch) => BigInt(torch.share(handle)));
export const dtype = (name: keyof typeof dtypes): Argument => int(dtypes[name]);
export const none: Argument = argument(() => 0n);
/** An optional argument that is given. */
export const some = (value: Argument): Argument => argument((torch) => torch.box(value.encode(torch)));
export const list = (values: readonly Argument[]): Argument =>
  argument((torch) => torch.list(values.map((value) => value.encode(torch))));
export const ints = (values: readonly number[]): Argument => list(values.map(int));
export const tensors = (handles: readonly Handle[]): Argument => list(handles.map(tensor));

/** Strides of a dense tensor in row-major order. */
export const denseStrides = (shape: readonly number[]): number[] => {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
};

/** A device: libtorch's number of its type, and which of them. */
export interface TorchDevice {
  readonly type: number;
  readonly index: number;
}

/** The processor: where JavaScript's arrays are. */
export const CPU: TorchDevice = { type: 0, index: 0 };

/** JavaScript's arrays, by what libtorch calls their elements. */
const arrays = {
  [dtypes.float32]: Float32Array,
  [dtypes.int32]: Int32Array,
  [dtypes.bool]: Uint8Array,
  [dtypes.uint8]: Uint8Array,
} as const;

export type NativeArray = Float32Array | Int32Array | Uint8Array;

/** libtorch's tensors on one device. */
export class Torch {
  readonly #out = new BigUint64Array(1);
  readonly #out32 = new Uint32Array(this.#out.buffer);
  readonly #stack = new BigUint64Array(32);

  constructor(
    readonly library: TorchLibrary,
    readonly device: TorchDevice,
  ) {}

  get #result(): number {
    return this.#out32[0]! + this.#out32[1]! * 2 ** 32;
  }

  #check(status: unknown, doing: string): void {
    check(this.library, status, doing);
  }

  /** One more handle of a tensor. */
  share(handle: Handle): Handle {
    this.#check(this.library.api.aoti_torch_new_tensor_handle(handle, this.#out), 'a handle');
    return this.#result;
  }

  /** A box that holds an optional argument, which libtorch deletes. */
  box(value: bigint): bigint {
    const { newer, mangled } = this.library;
    if (newer.torch_new_stable_ivalue) {
      this.#check(newer.torch_new_stable_ivalue(this.#out), 'an optional argument');
    } else {
      this.#out[0] = BigInt(mangled._Znwm!(8) as number);
    }
    const address = this.#out[0]!;
    koffi.encode(address, 'uint64_t', value);
    return address;
  }

  list(values: readonly bigint[]): bigint {
    const { api } = this.library;
    this.#check(api.torch_new_list_reserve_size(values.length, this.#out), 'a list');
    const handle = this.#out[0]!;
    for (const value of values) this.#check(api.torch_list_push_back(handle, value), 'a list');
    return handle;
  }

  /**
   * Calls an operator and returns its results, which the caller deletes.
   *
   * @param name with its overload: `aten::mul.Tensor`
   * @param args every argument of the operator's schema: defaults are not filled in
   * @param results how many tensors it returns
   */
  callAll(name: string, args: readonly Argument[], results: number): Handle[] {
    // Encoding a list may call again: the stack is filled only when all is encoded.
    const encoded = args.map((each) => each.encode(this));
    this.#stack.set(encoded);
    const dot = name.indexOf('.');
    const [operator, overload] = dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
    const { api, abi } = this.library;
    this.#check(api.torch_call_dispatcher(operator, overload, this.#stack, abi), name);
    return Array.from({ length: results }, (_, i) => Number(this.#stack[i]!));
  }

  /** As {@link callAll}, for an operator with one result. */
  call(name: string, ...args: readonly Argument[]): Handle {
    return this.callAll(name, args, 1)[0]!;
  }

  delete(...handles: readonly Handle[]): void {
    for (const handle of handles) this.library.api.aoti_torch_delete_tensor_object(handle);
  }

  /** Runs `use`; what it hands to `own` is deleted afterwards. */
  scope<T>(use: (own: (handle: Handle) => Handle) => T): T {
    const owned: Handle[] = [];
    try {
      return use((handle) => {
        owned.push(handle);
        return handle;
      });
    } finally {
      this.delete(...owned);
    }
  }

  /** A tensor with any content. */
  empty(
    shape: readonly number[],
    type: number = dtypes.float32,
    strides: readonly number[] = denseStrides(shape),
    device = this.device,
  ): Handle {
    const [sizes, steps] = [shape, strides].map((values) => BigInt64Array.from(values, BigInt));
    const { api } = this.library;
    this.#check(
      api.aoti_torch_empty_strided(shape.length, sizes, steps, type, device.type, device.index, this.#out),
      `a tensor of shape [${shape.join(', ')}]`,
    );
    return this.#result;
  }

  /** A tensor full of one number. */
  full(shape: readonly number[], value: number, type: number = dtypes.float32): Handle {
    const handle = this.empty(shape, type);
    this.#check(this.library.api.aoti_torch_aten_fill__Scalar(handle, value), 'filling');
    return handle;
  }

  copy(target: Handle, source: Handle): void {
    this.#check(this.library.api.aoti_torch_copy_(target, source, 0), 'a copy');
  }

  /** A copy of JavaScript's numbers on the device, dense. */
  upload(values: NativeArray, shape: readonly number[], type: number): Handle {
    const handle = this.empty(shape, type);
    if (values.length === 0) return handle;
    const sizes = BigInt64Array.from(shape, BigInt);
    const strides = BigInt64Array.from(denseStrides(shape), BigInt);
    const { api } = this.library;
    this.#check(
      api.aoti_torch_create_tensor_from_blob(
        ...[values, shape.length, sizes, strides, 0, type, CPU.type, CPU.index, this.#out],
      ),
      'reading an array',
    );
    const blob = this.#result;
    this.copy(handle, blob);
    this.delete(blob);
    return handle;
  }

  /** A tensor's numbers in row-major order, as `type`. */
  download(source: Handle, shape: readonly number[], type: keyof typeof arrays): NativeArray {
    const array = arrays[type];
    const length = shape.reduce((a, b) => a * b, 1);
    if (length === 0) return new array(0);
    return this.scope((own) => {
      const dense = own(this.empty(shape, type, denseStrides(shape), CPU));
      this.copy(dense, source);
      this.#check(this.library.api.aoti_torch_get_data_ptr(dense, this.#out), 'its numbers');
      const bytes = koffi.view(this.#out[0]!, length * array.BYTES_PER_ELEMENT);
      return new array(bytes.slice(0));
    });
  }

  dtypeOf(handle: Handle): number {
    this.#check(this.library.api.aoti_torch_get_dtype(handle, this.#out), 'its type');
    return this.#out32[0]!;
  }

  stridesOf(handle: Handle, rank: number): number[] {
    return Array.from({ length: rank }, (_, axis) => {
      this.#check(this.library.api.aoti_torch_get_stride(handle, axis, this.#out), 'its strides');
      return this.#result;
    });
  }

  /** A copy that lies in the order of `strides`; undefined for a tensor that already does. */
  inOrder(handle: Handle, shape: readonly number[], strides: readonly number[]): Handle | undefined {
    if (this.stridesOf(handle, shape.length).every((stride, axis) => stride === strides[axis]))
      return undefined;
    const ordered = this.empty(shape, this.dtypeOf(handle), strides);
    this.copy(ordered, handle);
    return ordered;
  }

  /** A view with other axes. */
  permute(handle: Handle, order: readonly number[]): Handle {
    return this.call('aten::permute', tensor(handle), ints(order));
  }

  /** The same numbers in another shape: a view where the strides allow it, else a copy. */
  reshape(handle: Handle, shape: readonly number[]): Handle {
    return this.call('aten::reshape', tensor(handle), ints(shape));
  }

  /** a + factor * b, with broadcasting; of floating-point tensors. */
  addScaled(a: Handle, b: Handle, factor: number): Handle {
    this.#check(this.library.api.aoti_torch_aten_subtract_Tensor(a, b, -factor, this.#out), 'a sum');
    return this.#result;
  }

  /** As another element type: a copy. */
  cast(handle: Handle, type: number): Handle {
    return this.call(
      'aten::_to_copy',
      tensor(handle),
      some(int(type)),
      ...[none, none, none],
      bool(false),
      none,
    );
  }

  /** Padding with a number; `pads` counts from the last axis: [left, right, top, bottom, …]. */
  pad(handle: Handle, pads: readonly number[], value: number): Handle {
    const { api } = this.library;
    this.#check(
      api.aoti_torch_aten_pad(
        ...[
          handle,
          BigInt64Array.from(pads, BigInt),
          pads.length,
          'constant',
          Float64Array.of(value),
          this.#out,
        ],
      ),
      'padding',
    );
    return this.#result;
  }

  /** How many threads compute on the CPU, from now on; false where this library has no such function. */
  setThreads(threads: number): boolean {
    const set = this.library.mangled._ZN2at15set_num_threadsEi;
    set?.(threads);
    return set !== undefined;
  }
}
