// The types of the public surface, fixed: this file is compiled with the tests, and does nothing when it runs.
import {
  type Answer,
  type Answers,
  type Features,
  type Item,
  LinearSvm,
  type Matrix,
  type Net,
  type OpenedDataset,
  describe,
  openDataset,
  openFeatures,
  openNet,
  runBenchmark,
} from '../src/index.js';

type Same<A, B> = [A, B] extends [B, A] ? true : false;
type Given<F extends (...args: never[]) => unknown> = Awaited<ReturnType<F>>;

/** Compiles where the two types are the same. */
const same = <A, B>(isSame: Same<A, B>): boolean => isSame;

same<Given<typeof openNet>, Net>(true);
same<Given<typeof openDataset>, OpenedDataset>(true);
same<ReturnType<OpenedDataset['items']>, readonly Item[]>(true);
same<Given<typeof describe>, Features>(true);
same<Given<typeof LinearSvm.fit>, LinearSvm>(true);
same<Given<typeof LinearSvm.load>, LinearSvm>(true);
same<Given<LinearSvm['predict']>, Answer>(true);
same<Given<LinearSvm['predictAll']>, Answers>(true);
same<Given<LinearSvm['scores']>, Matrix>(true);
same<Answer['class'], string>(true);
same<Given<Features['read']>, Matrix>(true);

/** What compiles, and what does not: never called. */
export const program = async (): Promise<void> => {
  const net = await openNet(['D.safetensors', 'E.safetensors'], { threads: 1 });
  const photos = await openDataset('folder', 'photos');
  const x = await describe(net, photos, { recipe: 'voc', split: 'train' });
  await describe(net, photos.items('val'), { recipe: { scales: [256] }, out: 'store', resume: true });
  await LinearSvm.fit(await openFeatures(['store']), { c: 1 });
  const svm = await LinearSvm.fit(x);
  const answer = await svm.predict(net, new Uint8Array(8));
  answer.scores satisfies Readonly<Record<string, number>>;
  await runBenchmark('folder', { data: 'photos', backbones: ['D.safetensors'], out: 'runs/photos' });
  const { rows } = await runBenchmark('ilsvrc2012', {
    data: 'ILSVRC2012',
    backbones: ['D.safetensors'],
    out: 'runs/val',
  });
  rows satisfies readonly { readonly top5Error: number }[];
  // @ts-expect-error A recipe of this name does not exist.
  await describe(net, photos, { recipe: 'vox' });
  // @ts-expect-error Only a store on disk can be resumed.
  await describe(net, photos, { resume: true });
  // @ts-expect-error Descriptors do not predict.
  await svm.predict(x, 'new.jpg');
  // @ts-expect-error A benchmark needs a folder for its results.
  await runBenchmark('folder', { data: 'photos' });
};
