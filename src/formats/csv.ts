// Writes tables as CSV (RFC 4180), with line feeds.
import { stringify } from 'csv-stringify/sync';

/** Formats rows as lines of CSV; fields are quoted only if necessary. */
export const csvLines = (rows: readonly (readonly (string | number)[])[]): string =>
  stringify(rows as (string | number)[][], { quoted_match: /\r/ });
