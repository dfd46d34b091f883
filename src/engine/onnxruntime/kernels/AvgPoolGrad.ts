// The gradient of average pooling.
import { AvgPoolGrad, type KernelConfig } from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from '../backend.js';
import { type NativeKernel, areFloat, withCpuFallback } from './shared/kernel.js';
import { type Pool2DInfo, forEachWindow, poolGeometry } from './shared/pooling.js';

/** Each window's dy is divided among its elements, as tfjs defines it: by the size of the whole window, padding included. */
const averagePoolGradient = (dy: Float32Array, dx: Float32Array, info: Pool2DInfo): void => {
  const { inHeight, inWidth, inChannels } = info;
  const share = 1 / (info.filterHeight * info.filterWidth);
  dx.fill(0);
  forEachWindow(info, (window, batch, top, bottom, left, right) => {
    for (let i = top; i < bottom; i++) {
      for (let j = left; j < right; j++) {
        const p = ((batch * inHeight + i) * inWidth + j) * inChannels;
        for (let c = 0; c < inChannels; c++) dx[p + c]! += dy[window * inChannels + c]! * share;
      }
    }
  });
};

const avgPoolGrad: NativeKernel = ({ backend, inputs, attrs }) => {
  const [dy, x] = [inputs['dy']!, inputs['input']!];
  if (!areFloat([dy]) || x.shape.length !== 4) return undefined;
  const info = poolGeometry(x.shape, attrs);
  if (!info) return undefined;
  const dx = backend.output(x.shape);
  averagePoolGradient(backend.values(dy), backend.values(dx), info);
  return dx;
};

export const avgPoolGradConfig: KernelConfig = {
  kernelName: AvgPoolGrad,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(AvgPoolGrad, avgPoolGrad),
};
