// The kinds of files that verydeep writes, told apart by their content, to say what a file is that is given for another.
import { type Message, option, text } from '../errors.js';

/** What a file is, and what to do with it. */
interface FileKind {
  readonly is: string;
  readonly advice: Message;
}

/** By the key in the metadata of a safetensors file. */
const kinds: Readonly<Record<string, FileKind>> = {
  verydeep: { is: 'a backbone', advice: text`A net is given with ${option('backbone')}.` },
  'verydeep-svm': {
    is: 'a model of linear SVMs',
    advice: 'Models are for `verydeep predict` and LinearSvm.load.',
  },
  verydeepTraining: {
    is: 'the checkpoint of a training run',
    advice: 'The net is in backbone.safetensors beside it, once training has ended.',
  },
  verydeepInt8: {
    is: 'a net in 8 bits that verydeep keeps for itself',
    advice: 'Give the backbone that it was made from.',
  },
};

/** The kind of a safetensors file; undefined for the files of others. */
export const kindOf = (metadata: Readonly<Record<string, string>>): FileKind | undefined =>
  kinds[Object.keys(kinds).find((key) => Object.hasOwn(metadata, key)) ?? ''];
