// The functions of PyTorch's stable C interface that are used: their results and arguments.

/** A tensor's handle: the address of an object of libtorch. */
const HANDLE = 'uintptr_t';
const OUT = 'void *';
/** All but a few functions return 0, or 1 when an exception was caught. */
const STATUS = 'int32_t';

/** Declared in `torch/csrc/inductor/aoti_torch/c/shim.h`, `torch/csrc/stable/c/shim.h` and, for what ends in `_aten_`, in `generated/c_shim_aten.h`. */
export const functions = {
  aoti_torch_abi_version: ['uint64_t', []],
  aoti_torch_grad_mode_set_enabled: ['void', ['bool']],
  aoti_torch_delete_tensor_object: [STATUS, [HANDLE]],
  aoti_torch_new_tensor_handle: [STATUS, [HANDLE, OUT]],
  aoti_torch_empty_strided: [STATUS, ['int64_t', OUT, OUT, 'int32_t', 'int32_t', 'int32_t', OUT]],
  aoti_torch_create_tensor_from_blob: [
    STATUS,
    [OUT, 'int64_t', OUT, OUT, 'int64_t', 'int32_t', 'int32_t', 'int32_t', OUT],
  ],
  aoti_torch_copy_: [STATUS, [HANDLE, HANDLE, 'int32_t']],
  aoti_torch_get_data_ptr: [STATUS, [HANDLE, OUT]],
  aoti_torch_get_stride: [STATUS, [HANDLE, 'int64_t', OUT]],
  aoti_torch_get_dtype: [STATUS, [HANDLE, OUT]],
  aoti_torch_aten_fill__Scalar: [STATUS, [HANDLE, 'double']],
  aoti_torch_aten_subtract_Tensor: [STATUS, [HANDLE, HANDLE, 'double', OUT]],
  aoti_torch_aten_pad: [STATUS, [HANDLE, OUT, 'int64_t', 'str', OUT, OUT]],
  torch_call_dispatcher: [STATUS, ['str', 'str', OUT, 'uint64_t']],
  torch_new_list_reserve_size: [STATUS, ['size_t', OUT]],
  torch_list_push_back: [STATUS, ['uintptr_t', 'uint64_t']],
} as const satisfies Record<string, readonly [string, readonly string[]]>;

/** Functions that older versions lack, with what is done without them. */
export const newerFunctions = {
  /** Since 2.13: the text of the exception that a status tells of. */
  torch_exception_get_what_without_backtrace: ['str', []],
  /** Since 2.13: a box for an optional argument; before, C++'s operator new makes it. */
  torch_new_stable_ivalue: [STATUS, [OUT]],
} as const satisfies Record<string, readonly [string, readonly string[]]>;

/** C++ functions without a C interface, by the names that compilers on Linux and macOS give them. */
export const mangledFunctions = {
  /** at::set_num_threads(int) */
  _ZN2at15set_num_threadsEi: ['void', ['int']],
  /** operator new(size_t) */
  _Znwm: ['uintptr_t', ['size_t']],
} as const satisfies Record<string, readonly [string, readonly string[]]>;
