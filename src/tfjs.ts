// `verydeep/tfjs`: backends that run TensorFlow.js programs on ONNX Runtime or TensorFlow, and the VGG nets
// as tfjs functions.
export {
  architecture,
  configs,
  layersOf,
  parameterCount,
  weightShapes,
} from './backbone/nets/architecture.js';
export type { Architecture, Config, Layer } from './backbone/nets/architecture.js';
export { openBackbone, type ReadTensor, saveBackbone } from './backbone/nets/backbone.js';
export type { Backbone, BackboneMetadata, InputNormalisation } from './backbone/nets/backbone.js';
export { loadWeights } from './backbone/nets/dense-activations.js';
export { denseForward, forward } from './backbone/nets/forward.js';
export { type Engine, type EngineName, type EngineOptions, outOfMemory, useEngine } from './engine/engine.js';
export { type MomentumStep, momentumUpdate } from './engine/momentum.js';
