// What the paper reports on ILSVRC-2012 classification (tables 3 to 7): errors in percent.

/** A row of one of the paper's tables. Errors are on the validation set; `test` is the top-5 error on the test set. */
export interface PublishedErrors {
  readonly table: 3 | 4 | 5 | 6 | 7;
  readonly method: string;
  /** Smallest side S in training, and Q in testing. */
  readonly train?: string;
  readonly test?: string;
  readonly top1?: number;
  readonly top5?: number;
  readonly testTop5?: number;
}

/** Table 3: one scale. Net, S, Q, top-1, top-5. */
const single = [
  ['A', '256', '256', 29.6, 10.4],
  ['A-LRN', '256', '256', 29.7, 10.5],
  ['B', '256', '256', 28.7, 9.9],
  ['C', '256', '256', 28.1, 9.4],
  ['C', '384', '384', 28.1, 9.3],
  ['C', '256-512', '384', 27.3, 8.8],
  ['D', '256', '256', 27.0, 8.8],
  ['D', '384', '384', 26.8, 8.7],
  ['D', '256-512', '384', 25.6, 8.1],
  ['E', '256', '256', 27.3, 9.0],
  ['E', '384', '384', 26.9, 8.7],
  ['E', '256-512', '384', 25.5, 8.0],
] as const;

/** Table 4: several scales. */
const multiple = [
  ['B', '256', '224,256,288', 28.2, 9.6],
  ['C', '256', '224,256,288', 27.7, 9.2],
  ['C', '384', '352,384,416', 27.8, 9.2],
  ['C', '256-512', '256,384,512', 26.3, 8.2],
  ['D', '256', '224,256,288', 26.6, 8.6],
  ['D', '384', '352,384,416', 26.5, 8.6],
  ['D', '256-512', '256,384,512', 24.8, 7.5],
  ['E', '256', '224,256,288', 26.9, 8.7],
  ['E', '384', '352,384,416', 26.7, 8.6],
  ['E', '256-512', '256,384,512', 24.8, 7.5],
] as const;

/** Table 5: ways of testing, for nets trained with S in 256-512, at Q = 256, 384 and 512. */
const ways = [
  ['D, dense', 24.8, 7.5],
  ['D, multi-crop', 24.6, 7.5],
  ['D, multi-crop & dense', 24.4, 7.2],
  ['E, dense', 24.8, 7.5],
  ['E, multi-crop', 24.6, 7.4],
  ['E, multi-crop & dense', 24.4, 7.1],
] as const;

/** Table 6: nets fused; top-1, top-5, top-5 on the test set. */
const fused = [
  ['ILSVRC-2014 submission, 7 nets, dense', 24.7, 7.5, 7.3],
  ['D & E, S in 256-512, dense', 24.0, 7.1, 7.0],
  ['D & E, S in 256-512, multi-crop', 23.9, 7.2, undefined],
  ['D & E, S in 256-512, multi-crop & dense', 23.7, 6.8, 6.8],
] as const;

/**
 * Table 7: the state of the art then; top-1, top-5, top-5 on the test set. For GoogLeNet the paper prints one figure
 * across both columns of top-5 errors.
 */
const others = [
  ['VGG, 2 nets, multi-crop & dense', 23.7, 6.8, 6.8],
  ['VGG, 1 net, multi-crop & dense', 24.4, 7.1, 7.0],
  ['VGG, submission, 7 nets, dense', 24.7, 7.5, 7.3],
  ['GoogLeNet, 1 net', undefined, 7.9, 7.9],
  ['GoogLeNet, 7 nets', undefined, 6.7, 6.7],
  ['MSRA, 11 nets', undefined, undefined, 8.1],
  ['MSRA, 1 net', 27.9, 9.1, 9.1],
  ['Clarifai, several nets', undefined, undefined, 11.7],
  ['Clarifai, 1 net', undefined, undefined, 12.5],
  ['Zeiler & Fergus, 6 nets', 36.0, 14.7, 14.8],
  ['Zeiler & Fergus, 1 net', 37.5, 16.0, 16.1],
  ['OverFeat, 7 nets', 34.0, 13.2, 13.6],
  ['OverFeat, 1 net', 35.7, 14.2, undefined],
  ['Krizhevsky et al., 5 nets', 38.1, 16.4, 16.4],
  ['Krizhevsky et al., 1 net', 40.7, 18.2, undefined],
] as const;

const known = (values: Readonly<Record<'top1' | 'top5' | 'testTop5', number | undefined>>) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** All rows of tables 3 to 7. */
export const publishedErrors: readonly PublishedErrors[] = [
  ...single.map(([method, train, test, top1, top5]) => ({
    table: 3 as const,
    method,
    train,
    test,
    top1,
    top5,
  })),
  ...multiple.map(([method, train, test, top1, top5]) => ({
    table: 4 as const,
    method,
    train,
    test,
    top1,
    top5,
  })),
  ...ways.map(([method, top1, top5]) => ({
    table: 5 as const,
    method,
    train: '256-512',
    test: '256,384,512',
    top1,
    top5,
  })),
  ...fused.map(([method, top1, top5, testTop5]) => ({
    table: 6 as const,
    method,
    ...known({ top1, top5, testTop5 }),
  })),
  ...others.map(([method, top1, top5, testTop5]) => ({
    table: 7 as const,
    method,
    ...known({ top1, top5, testTop5 }),
  })),
];
