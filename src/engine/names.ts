// The names of the engines, apart from tfjs: who only names one does not load it, nor its types.

/** The engines, by the names of the option `engine`. */
export const engineNames = ['auto', 'onnxruntime', 'tensorflow', 'torch'] as const;
export type EngineName = (typeof engineNames)[number];
