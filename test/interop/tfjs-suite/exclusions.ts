// Specs of tfjs's suite that are not expected to pass, each with the reason.

/** A part of a spec's full name, and why specs of that name do not count. */
export interface Exclusion {
  readonly name: RegExp;
  readonly reason: string;
}

/** By the backend's name. */
export const exclusions: Readonly<Record<'onnxruntime' | 'torch', readonly Exclusion[]>> = {
  onnxruntime: [],
  torch: [
    {
      name: /^maxPool .*ignores NaNs$/,
      reason: 'libtorch passes on NaN in a window, so that a diverged net shows',
    },
    {
      name: /^step kernel .*propagates NaNs$/,
      reason: "the mask of ReLU's gradient is boolean until numbers are wanted, and has no NaN",
    },
  ],
};
