// The demo's settings: the net, how it is trained, and how it is tested.

/** Flags of `verydeep train` for the net: configuration A, a quarter as wide, without its fifth block. */
export const netFlags = [
  ...['--config', 'A', '--width', '0.25', '--blocks', '4'],
  ...['--input-size', '32', '--fully-connected', '512', '--init', 'he'],
] as const;

/** Side of the net's input in pixels; raw pixels are compared at this size. */
export const INPUT_SIZE = 32;

/** Flags of `verydeep train` for the training: the loss of the concept and of the subgroup. */
export const trainingFlags = [
  ...['--superclass-loss', '1', '--dropout', '0', '--train-side', '38'],
  ...['--batch', '64', '--learning-rate', '0.015', '--schedule', 'cosine'],
] as const;

/** Passes over the training images. */
export const EPOCHS = 22;

/** 256 of an input of 224 pixels, and 256, 384 and 512, relative to this net's input; 256 relative to that of the net of photographs. */
export const scales = { single: [37], multiple: [37, 55, 73], builtin: [55] } as const;

/** A table of results: one image folder, evaluated by the Caltech protocol. */
export interface Protocol {
  /** Name of the image folder. */
  readonly folder: 'transfer-concepts' | 'transfer-subgroups';
  readonly title: string;
  readonly classes: number;
  readonly splits: number;
  readonly trainPerClass: number;
  /** Further flags of `verydeep evaluate folder`. */
  readonly flags: readonly string[];
}

export const protocols = {
  concepts: {
    folder: 'transfer-concepts',
    title: 'Unseen concepts',
    classes: 100,
    splits: 3,
    trainPerClass: 3,
    flags: [],
  },
  subgroups: {
    folder: 'transfer-subgroups',
    title: 'Unseen subgroups, split by concept',
    classes: 16,
    splits: 3,
    trainPerClass: 30,
    flags: ['--class-level', '1', '--keep-together', '2'],
  },
} as const satisfies Readonly<Record<string, Protocol>>;

/** A row of the tables besides chance: which net, at which scales. */
export interface Method {
  readonly name: 'pixels' | 'untrained' | 'trained' | 'trained-multiscale' | 'builtin';
  readonly title: string;
  readonly net?: 'untrained' | 'trained' | 'builtin';
  readonly scales: readonly number[];
}

export const methods: readonly Method[] = [
  { name: 'pixels', title: `raw pixels, ${INPUT_SIZE} x ${INPUT_SIZE}`, scales: [INPUT_SIZE] },
  { name: 'untrained', title: 'the same net, untrained', net: 'untrained', scales: scales.single },
  { name: 'trained', title: 'trained net, one scale', net: 'trained', scales: scales.single },
  {
    name: 'trained-multiscale',
    title: 'trained net, three scales stacked',
    net: 'trained',
    scales: scales.multiple,
  },
  { name: 'builtin', title: 'builtin, trained on photographs', net: 'builtin', scales: scales.builtin },
];

/** Flags of `verydeep train` that fine-tune: every layer learns, the new last one ten times as fast. */
export const fineTuningFlags = [
  ...['--rate-factors', 'fc8=10', '--learning-rate', '0.002', '--schedule', 'cosine', '--epochs', '60'],
  ...['--batch', '32', '--dropout', '0', '--train-side', '38'],
] as const;
