// Damage done to files: seeded, so that every input can be made again from its number.
import type { Random } from '../../src/random.js';

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const extremes = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

const place = (bytes: Buffer, random: Random): number => {
  // Headers are where formats break: half of the damage goes to the first and last kilobyte.
  const { length } = bytes;
  const choice = random.uniform();
  if (choice < 0.3) return random.below(Math.min(1024, length));
  if (choice < 0.5) return length - 1 - random.below(Math.min(1024, length));
  return random.below(length);
};

const flipBits: Mutation = (bytes, random) => {
  for (let n = 1 + random.below(8); n > 0; n--) bytes[place(bytes, random)]! ^= 1 << random.below(8);
  return bytes;
};

const setInteger: Mutation = (bytes, random) => {
  const value = extremes[random.below(extremes.length)]!;
  const at = Math.min(place(bytes, random), bytes.length - 8);
  if (at < 0) return bytes;
  if (random.uniform() < 0.3) bytes.writeBigUInt64LE(BigInt(value) << BigInt(random.below(33)), at);
  else bytes.writeUInt32LE(value, at);
  return bytes;
};

const cut: Mutation = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1));

const remove: Mutation = (bytes, random) => {
  const at = place(bytes, random);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(64))]);
};

const repeat: Mutation = (bytes, random) => {
  const at = place(bytes, random);
  const piece = bytes.subarray(at, at + 1 + random.below(256));
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
};

const noise: Mutation = (bytes, random) => {
  const at = place(bytes, random);
  for (let i = at; i < Math.min(at + 16, bytes.length); i++) bytes[i] = random.below(256);
  return bytes;
};

/** Copies a stretch over another: valid pieces in wrong places get deeper than noise. */
const transplant: Mutation = (bytes, random) => {
  const length = 1 + random.below(128);
  const [from, to] = [place(bytes, random), place(bytes, random)];
  bytes.copy(bytes, to, from, Math.min(from + length, bytes.length));
  return bytes;
};

const mutations = [flipBits, flipBits, setInteger, setInteger, cut, remove, repeat, noise, transplant];

/** A damaged copy: one to three kinds of damage. */
export const mutate = (original: Uint8Array, random: Random): Buffer => {
  let bytes = Buffer.from(original);
  for (let n = 1 + random.below(3); n > 0 && bytes.length > 0; n--) {
    bytes = mutations[random.below(mutations.length)]!(bytes, random) as Buffer<ArrayBuffer>;
  }
  return bytes;
};
