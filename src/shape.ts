// Shapes of tensors.

/** Number of elements of a tensor of this shape; 1 for a scalar. */
export const sizeFromShape = (shape: readonly number[]): number => {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
};

/** Whether two shapes are equal. */
export const isSameShape = (a: readonly number[], b: readonly number[]): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};
