// Tables as CSV (RFC 4180), with line feeds.
import { stringify } from 'csv-stringify/sync';

/** Rows as lines of CSV; a field is quoted where it must be. */
export const csvLines = (rows: readonly (readonly (string | number)[])[]): string =>
  stringify(rows as (string | number)[][], { quoted_match: /\r/ });
