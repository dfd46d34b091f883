// The device that libtorch computes on, by PyTorch's names: cpu, cuda:0, mps, xpu.
import { UsageError, expected, messageOf, option, text } from '../../errors.js';
import { CPU, Torch, type TorchDevice } from './call.js';
import type { TorchLibrary } from './library.js';

/** libtorch's numbers of device types. */
const types = { cpu: 0, cuda: 1, xpu: 12, mps: 13 } as const;
type TypeName = keyof typeof types;

/** A device, with its name. */
export interface NamedDevice extends TorchDevice {
  readonly name: string;
}

const PATTERN = /^(cpu|cuda|mps|xpu)(?::(\d+))?$/;

/**
 * A device by its name; `cuda` is `cuda:0`.
 *
 * @throws UsageError for another name
 */
export const parseDevice = (name: string): NamedDevice => {
  const match = PATTERN.exec(name);
  if (!match) throw expected('auto, cpu, cuda, cuda:0, cuda:1, …, mps or xpu', option('device'), name);
  const type = match[1] as TypeName;
  const index = Number(match[2] ?? 0);
  return { name: type === 'cpu' ? 'cpu' : `${type}:${index}`, type: types[type], index };
};

/** Whether a tensor can be made there, and if not, why. */
const reasonAgainst = (library: TorchLibrary, device: TorchDevice): string | undefined => {
  const torch = new Torch(library, device);
  try {
    torch.delete(torch.full([1], 0));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
};

/**
 * The device to compute on: the one that is named, or for `auto` the first GPU if there is one.
 *
 * @throws UsageError where the device that is named cannot be used, with libtorch's reason
 */
export const chooseDevice = (library: TorchLibrary, name = 'auto'): NamedDevice => {
  if (name !== 'auto') {
    const device = parseDevice(name);
    if (device.type === types.cuda && library.cuda !== true) {
      throw new UsageError(
        text`Cannot use ${option('device')} ${name}: ${library.cuda}. Install PyTorch for this GPU, or use ${option('device')} cpu.`,
      );
    }
    const reason = reasonAgainst(library, device);
    if (reason === undefined) return device;
    throw new UsageError(text`Cannot use ${option('device')} ${name}: ${reason}`);
  }
  if (library.cuda === true) {
    const device = parseDevice('cuda:0');
    if (reasonAgainst(library, device) === undefined) return device;
  }
  return { ...CPU, name: 'cpu' };
};
