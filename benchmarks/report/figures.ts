// How figures are written in tables and reports.

/** A figure in percent with one decimal; a dash where there is none. */
export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(1);

/** A mean with its deviation, where there are several splits to deviate. */
export const plusMinus = (mean: number | null, std: number | null | undefined, several: boolean): string =>
  several && std !== undefined && std !== null ? `${percent(mean)} ± ${percent(std)}` : percent(mean);
