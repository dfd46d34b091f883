// An exponential average of weights over the steps, with the bias of its start corrected (Kingma and Ba, 2015).

/** Weights enter the average every so many steps: those of neighbouring steps hardly differ, and a step costs less. */
const EVERY = 4;

/**
 * How far the average moves towards the weights after a step; undefined where it does not. The first weights that enter are the average.
 *
 * @param decay of a step
 * @param step counted from 1
 */
export const averageRate = (decay: number, step: number): number | undefined =>
  decay > 0 && step % EVERY === 0 ? (1 - decay ** EVERY) / (1 - decay ** step) : undefined;
