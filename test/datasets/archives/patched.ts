// Headers of a .tar that say what no honest writer would say.

/** Overwrites a part of the n-th header (from 0; where no file precedes it has content) and mends its checksum. */
export const patched = (bytes: Buffer, at: number, text: string, header = 0): Buffer => {
  const copy = Buffer.from(bytes);
  const start = header * 512;
  copy.write(text, start + at, 'latin1');
  copy.fill(32, start + 148, start + 156);
  const sum = copy.subarray(start, start + 512).reduce((a, b) => a + b, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, start + 148, 'latin1');
  return copy;
};
