// Whether a Linux library is whole. The system maps a library that was cut off, as by a full disk, and then ends the process
// with a bus error; so this is checked before.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER = 64;

/** The size of a 64-bit ELF file as its header gives it: its table of sections comes last. 0 for any other file. */
const sizeOf = (header: Buffer): number => {
  if (header.toString('latin1', 0, 5) !== '\u007fELF\u0002' || header[5] !== 1) return 0;
  return Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
};

/** The bytes that a library lacks at its end; 0 if it is whole, or no ELF file. */
export const missingBytes = (path: string): number => {
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(HEADER);
    readSync(file, header, 0, HEADER, 0);
    return Math.max(0, sizeOf(header) - fstatSync(file).size);
  } finally {
    closeSync(file);
  }
};
