// Unpacks Zstandard by Node itself, where it can.
import * as zlib from 'node:zlib';

/** Node's own from version 22.15 on. */
const zstd = (zlib as { readonly zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array }).zstdDecompressSync;

/**
 * The content of packed bytes.
 *
 * @param instead a packing that any Node unpacks, as pyarrow names it @throws Error where Node is older
 */
export const unpackZstd = (bytes: Uint8Array, instead: string): Uint8Array => {
  if (zstd) return zstd(bytes);
  throw new Error(
    `it is packed with Zstandard, which needs Node 22.15: write it with compression="${instead}"`,
  );
};
