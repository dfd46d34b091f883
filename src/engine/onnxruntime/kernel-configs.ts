// The table of the tfjs kernels that ONNX Runtime computes, a file each.
import type { KernelConfig } from '@tensorflow/tfjs-core';
import { absConfig } from './kernels/Abs.js';
import { addConfig } from './kernels/Add.js';
import { addNConfig } from './kernels/AddN.js';
import { avgPoolConfig } from './kernels/AvgPool.js';
import { avgPoolGradConfig } from './kernels/AvgPoolGrad.js';
import { batchMatMulConfig } from './kernels/BatchMatMul.js';
import { batchNormConfig } from './kernels/BatchNorm.js';
import { batchNormGradConfig } from './kernels/BatchNormGrad.js';
import { clipByValueConfig } from './kernels/ClipByValue.js';
import { concatConfig } from './kernels/Concat.js';
import { conv2dConfig } from './kernels/Conv2D.js';
import { conv2dBackpropFilterConfig } from './kernels/Conv2DBackpropFilter.js';
import { conv2dBackpropInputConfig } from './kernels/Conv2DBackpropInput.js';
import { eluConfig } from './kernels/Elu.js';
import { expConfig } from './kernels/Exp.js';
import { fusedBatchNormConfig } from './kernels/FusedBatchNorm.js';
import { fusedConv2dConfig } from './kernels/FusedConv2D.js';
import { lrnConfig } from './kernels/LRN.js';
import { lrnGradConfig } from './kernels/LRNGrad.js';
import { leakyReluConfig } from './kernels/LeakyRelu.js';
import { logConfig } from './kernels/Log.js';
import { maxPoolConfig } from './kernels/MaxPool.js';
import { maxPoolGradConfig } from './kernels/MaxPoolGrad.js';
import { meanConfig } from './kernels/Mean.js';
import { multiplyConfig } from './kernels/Multiply.js';
import { negConfig } from './kernels/Neg.js';
import { padV2Config } from './kernels/PadV2.js';
import { realDivConfig } from './kernels/RealDiv.js';
import { reciprocalConfig } from './kernels/Reciprocal.js';
import { reluConfig } from './kernels/Relu.js';
import { relu6Config } from './kernels/Relu6.js';
import { rsqrtConfig } from './kernels/Rsqrt.js';
import { sigmoidConfig } from './kernels/Sigmoid.js';
import { softmaxConfig } from './kernels/Softmax.js';
import { sqrtConfig } from './kernels/Sqrt.js';
import { squareConfig } from './kernels/Square.js';
import { squaredDifferenceConfig } from './kernels/SquaredDifference.js';
import { stepConfig } from './kernels/Step.js';
import { subConfig } from './kernels/Sub.js';
import { sumConfig } from './kernels/Sum.js';
import { tanhConfig } from './kernels/Tanh.js';
import { transposeConfig } from './kernels/Transpose.js';
import { _fusedMatMulConfig } from './kernels/_FusedMatMul.js';

export const kernelConfigs: readonly KernelConfig[] = [
  absConfig,
  addConfig,
  addNConfig,
  avgPoolConfig,
  avgPoolGradConfig,
  batchMatMulConfig,
  batchNormConfig,
  batchNormGradConfig,
  clipByValueConfig,
  concatConfig,
  conv2dConfig,
  conv2dBackpropFilterConfig,
  conv2dBackpropInputConfig,
  eluConfig,
  expConfig,
  fusedBatchNormConfig,
  fusedConv2dConfig,
  lrnConfig,
  lrnGradConfig,
  leakyReluConfig,
  logConfig,
  maxPoolConfig,
  maxPoolGradConfig,
  meanConfig,
  multiplyConfig,
  negConfig,
  padV2Config,
  realDivConfig,
  reciprocalConfig,
  reluConfig,
  relu6Config,
  rsqrtConfig,
  sigmoidConfig,
  softmaxConfig,
  sqrtConfig,
  squareConfig,
  squaredDifferenceConfig,
  stepConfig,
  subConfig,
  sumConfig,
  tanhConfig,
  transposeConfig,
  _fusedMatMulConfig,
];
