// The images that a net has seen, as stored in its file: digests of the training images and of the validation
// images that steered the schedule.
import { expected } from '../../errors.js';
import {
  DIGEST_BITS,
  type DigestSet,
  decodeDigests,
  digestSet,
  encodeDigests,
  uniteDigests,
} from './digests.js';

/** The images that a net has seen, by the bytes of their files. */
export interface Seen {
  readonly training: DigestSet;
  /** Images that steered the schedule; they may overlap with `training`. */
  readonly validation: DigestSet;
  /** Whether it may have seen others: its initial net does not record its images. */
  readonly incomplete: boolean;
}

/** The metadata entry about the digests. */
export interface SeenSummary {
  readonly bits: number;
  /** Number of different images by content: copies count once. */
  readonly training: number;
  readonly validation: number;
  readonly incomplete?: true;
}

/** The parts; each is a tensor of bytes in the file. */
const parts = ['training', 'validation'] as const;
const tensorOf = (part: (typeof parts)[number]): string => `seen.${part}`;

/** Whether a tensor of a backbone file holds digests instead of weights. */
export const isSeenTensor = (name: string): boolean => name.startsWith('seen.');

/** The record of a net that was never trained. */
export const nothingSeen: Seen = { training: digestSet([]), validation: digestSet([]), incomplete: false };

/** The union of several nets' records; an `undefined` record only marks the union as possibly incomplete. */
export const uniteSeen = (nets: readonly (Seen | undefined)[]): Seen => ({
  training: uniteDigests(...nets.map((seen) => seen?.training ?? digestSet([]))),
  validation: uniteDigests(...nets.map((seen) => seen?.validation ?? digestSet([]))),
  incomplete: nets.some((seen) => seen?.incomplete ?? true),
});

/** Makes the metadata entry. */
export const seenSummary = ({ training, validation, incomplete }: Seen): SeenSummary => ({
  bits: DIGEST_BITS,
  training: training.length,
  validation: validation.length,
  ...(incomplete && { incomplete }),
});

/** The tensors to write after all others; a part without images has none. */
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
 * @param path the file, for error messages @param summary the metadata entry @param read returns the bytes of
 * a tensor; undefined if there is none @throws UsageError for an invalid summary, or missing or damaged
 * digests
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
