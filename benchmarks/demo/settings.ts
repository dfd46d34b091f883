// The demo's settings: the net, how it is trained, and how it is tested.

/** Flags of `verydeep train` that make the net: configuration A, a quarter as wide, without its fifth block. */
export const net = {
  inputSize: 32,
  flags: ['--config', 'A', '--width', '0.25', '--blocks', '4', '--input-size', '32', '--fc', '512'],
} as const;

/** Flags of `verydeep train` that say how it learns. */
export const training = {
  epochs: 24,
  flags: ['--superclass-loss', '1', '--batch', '64', '--learning-rate', '0.04', '--schedule', 'cosine'],
} as const;

/** Scales of one and of several, in pixels: 256, 384 and 512 for an input of 224, made relative to this net's. */
export const scales = { single: [37], multiple: [37, 55, 73] } as const;

/** A table of results: one image folder, evaluated by the Caltech protocol. */
export interface Protocol {
  /** Name of the image folder. */
  readonly name: 'transfer-concepts' | 'transfer-subgroups';
  readonly title: string;
  /** How many classes there are. */
  readonly classes: number;
  readonly splits: number;
  readonly trainPerClass: number;
  /** Flags of `verydeep evaluate folder` besides. */
  readonly flags: readonly string[];
}

export const protocols = {
  concepts: {
    name: 'transfer-concepts',
    title: 'Unseen concepts',
    classes: 100,
    splits: 3,
    trainPerClass: 3,
    flags: [],
  },
  subgroups: {
    name: 'transfer-subgroups',
    title: 'Unseen subgroups, split by concept',
    classes: 16,
    splits: 3,
    trainPerClass: 30,
    flags: ['--class-level', '1', '--group-level', '2'],
  },
} as const satisfies Readonly<Record<string, Protocol>>;
