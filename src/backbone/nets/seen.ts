// Which images a net has seen, as its file keeps them: digests of those that trained it, and of those that steered its schedule.
import { expected } from '../../errors.js';
import {
  DIGEST_BITS,
  type DigestSet,
  decodeDigests,
  digestSet,
  encodeDigests,
  uniteDigests,
} from './digests.js';

/** The images that a net was made with, by the bytes of their files. */
export interface Seen {
  readonly training: DigestSet;
  /** Images that only steered the schedule; those of `training` may be among them. */
  readonly validation: DigestSet;
  /** Whether it may have seen others: it was trained on from a net that does not say what it saw. */
  readonly incomplete: boolean;
}

/** What the metadata of a file says of its digests. */
export interface SeenSummary {
  readonly bits: number;
  /** Images by content: copies count once. */
  readonly training: number;
  readonly validation: number;
  readonly incomplete?: true;
}

/** The parts, each a tensor of bytes in a file. */
const parts = ['training', 'validation'] as const;
const tensorOf = (part: (typeof parts)[number]): string => `seen.${part}`;

/** Whether a tensor of a backbone file holds digests and no weights. */
export const isSeenTensor = (name: string): boolean => name.startsWith('seen.');

/** What a net that was never trained has seen. */
export const nothingSeen: Seen = { training: digestSet([]), validation: digestSet([]), incomplete: false };

/** What several nets have seen together; of one that does not say, `undefined`, nothing but that there may be more. */
export const uniteSeen = (nets: readonly (Seen | undefined)[]): Seen => ({
  training: uniteDigests(...nets.map((seen) => seen?.training ?? digestSet([]))),
  validation: uniteDigests(...nets.map((seen) => seen?.validation ?? digestSet([]))),
  incomplete: nets.some((seen) => seen?.incomplete ?? true),
});

/** The entry of the metadata. */
export const seenSummary = ({ training, validation, incomplete }: Seen): SeenSummary => ({
  bits: DIGEST_BITS,
  training: training.length,
  validation: validation.length,
  ...(incomplete && { incomplete }),
});

/** The tensors to write, after all others; a part without images has none. */
export const seenTensors = (seen: Seen) =>
  parts.flatMap((part) => {
    const data = encodeDigests(seen[part]);
    return data.length === 0 ? [] : [{ name: tensorOf(part), shape: [data.length], data }];
  });

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value < 2 ** 31;

/**
 * Reads the digests of a file.
 *
 * @param path the file, for the error
 * @param summary the entry of its metadata
 * @param read the bytes of a tensor; undefined where there is none
 * @throws UsageError for a summary that makes no sense, or digests that are missing or damaged
 */
export const readSeen = async (
  path: string,
  summary: unknown,
  read: (tensor: string) => Promise<Uint8Array | undefined>,
): Promise<Seen> => {
  const { bits, training, validation, incomplete } = (summary ?? {}) as Partial<SeenSummary>;
  if (bits !== DIGEST_BITS || !isCount(training) || !isCount(validation)) {
    throw expected(`counts of images with digests of ${DIGEST_BITS} bits`, `seen in ${path}`, summary);
  }
  const setOf = async (part: (typeof parts)[number], count: number): Promise<DigestSet> =>
    decodeDigests((await read(tensorOf(part))) ?? new Uint8Array(0), count, path);
  return {
    training: await setOf('training', training),
    validation: await setOf('validation', validation),
    incomplete: incomplete === true,
  };
};
