// Formats figures for tables and reports.

/** A figure in percent with one decimal; a dash if missing. */
export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(1);

/** A mean with its standard deviation, if there are several splits. */
export const plusMinus = (mean: number | null, std: number | null | undefined, several: boolean): string =>
  several && std !== undefined && std !== null ? `${percent(mean)} ± ${percent(std)}` : percent(mean);
