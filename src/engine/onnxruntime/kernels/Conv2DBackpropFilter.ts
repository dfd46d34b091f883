// The gradient of a convolution's filter: products of x and dy, summed over all positions of a batch.
import { Conv2DBackpropFilter, type KernelConfig } from '@tensorflow/tfjs-core';
import { isSameShape } from '../../../shape.js';
import { BACKEND_NAME } from '../backend.js';
import { byColumns, byColumnsOfImages } from '../convolution/filter-gradient/columns.js';
import { filterGradientNchwc } from '../convolution/filter-gradient/nchwc.js';
import { byProduct, byShifts } from '../convolution/filter-gradient/products.js';
import {
  type Conv2DInfo,
  convolutionShapeOf,
  geometry,
  hasNegativePad,
  isPointwise,
} from '../convolution/geometry.js';
import type { FilterGradient } from '../convolution/operands.js';
import { filterGradientWinograd } from '../winograd/convolution.js';
import { type NativeKernel, areFloat, withCpuFallback } from './shared/kernel.js';

/** Shifted products compute on padding too; where they would compute this many times more, columns are copied instead. */
const MOST_EXCESS = 1.4;
/** Matrix products of fewer rows are slow: the columns of all positions of the filter are one product there. */
const LEAST_ROWS = 16;

/** Whether products of shifted views can be used, and do not compute much more than the positions of dy. */
const canShift = (info: Conv2DInfo): boolean => {
  const { outHeight, outWidth, inHeight, inWidth, padInfo } = info;
  const height = outHeight + info.effectiveFilterHeight - 1;
  const width = outWidth + info.effectiveFilterWidth - 1;
  const fits = height >= padInfo.top + inHeight && width >= padInfo.left + inWidth;
  return fits && height * width <= MOST_EXCESS * outHeight * outWidth;
};

/** The direct algorithm for a convolution, where Winograd's is not used. */
const directAlgorithm = (info: Conv2DInfo, blockSize: number): ((gradient: FilterGradient) => void) => {
  const shape = convolutionShapeOf(info);
  if (isPointwise(shape)) return byProduct;
  if (info.inChannels < LEAST_ROWS) return byColumnsOfImages;
  if (shape.strides.some((n) => n > 1)) return byColumns;
  if (blockSize > 0 && info.outChannels % blockSize === 0) return filterGradientNchwc;
  return canShift(info) ? byShifts : byColumns;
};

const conv2dBackpropFilter: NativeKernel = ({ backend, inputs, attrs }) => {
  const [x, dy] = [inputs['x']!, inputs['dy']!];
  if (!areFloat([x, dy])) return undefined;
  const filterShape = attrs['filterShape'] as number[];
  const info = geometry(x.shape, filterShape, attrs);
  if (!info || !isSameShape(info.outShape, dy.shape)) return undefined;
  if (hasNegativePad(convolutionShapeOf(info))) return undefined;
  const dw = backend.output(filterShape);
  const gradient = { backend, x, dy, dw, info };
  if (!filterGradientWinograd(gradient)) directAlgorithm(info, backend.nchwcBlock)(gradient);
  return dw;
};

export const conv2dBackpropFilterConfig: KernelConfig = {
  kernelName: Conv2DBackpropFilter,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Conv2DBackpropFilter, conv2dBackpropFilter),
};
