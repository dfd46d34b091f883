// Seeded random numbers (xoshiro128**): the same seed gives the same numbers on every machine.

/** The state of a generator: four 32-bit words, as plain numbers for JSON. */
type RandomState = readonly [number, number, number, number];

const rotateLeft = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** Hashes text or a number to 32-bit words (FNV-1a, then murmur's finaliser), to seed a generator. */
const hashWords = (seed: string): RandomState => {
  const word = (salt: number): number => {
    let h = (0x811c9dc5 ^ salt) >>> 0;
    for (let i = 0; i < seed.length; i++) h = Math.imul(h ^ seed.charCodeAt(i), 0x01000193);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  };
  return [word(0x9e3779b9), word(0x243f6a88), word(0xb7e15162), word(0xdeadbeef)];
};

/** A stream of random numbers. Not for cryptography. */
export class Random {
  #s0: number;
  #s1: number;
  #s2: number;
  #s3: number;

  /**
   * @param seed any numbers or strings; `new Random(seed, 'crop', epoch, image)` makes an independent stream for each
   *   purpose, so that work shared among threads does not depend on their order
   */
  constructor(...seed: readonly (number | string)[]) {
    [this.#s0, this.#s1, this.#s2, this.#s3] = hashWords(seed.map(String).join('\u0000'));
  }

  /** A generator that continues from `state`. */
  static from(state: RandomState): Random {
    const random = new Random();
    [random.#s0, random.#s1, random.#s2, random.#s3] = state;
    return random;
  }

  /** The state, for {@link Random.from}. */
  get state(): RandomState {
    return [this.#s0, this.#s1, this.#s2, this.#s3];
  }

  /** A uniform integer in [0, 2³²). */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#s1, 5), 7), 9) >>> 0;
    const t = this.#s1 << 9;
    this.#s2 ^= this.#s0;
    this.#s3 ^= this.#s1;
    this.#s1 ^= this.#s2;
    this.#s0 ^= this.#s3;
    this.#s2 ^= t;
    this.#s3 = rotateLeft(this.#s3, 11);
    return result;
  }

  /** Passes over `count` numbers. */
  skip(count: number): void {
    for (let i = 0; i < count; i++) this.uint32();
  }

  /** A uniform number in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000;
  }

  /** A uniform integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** A standard normal number (Box-Muller; the second of the pair is not kept, so that the state is four words). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(values: readonly T[]): T[] {
    const result = [...values];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [result[i], result[j]] = [result[j] as T, result[i] as T];
    }
    return result;
  }
}
