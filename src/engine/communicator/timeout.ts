/** Seconds without a sign of life after which a rank is given up. */
export const RANK_TIMEOUT = 60;
