// The table of published VGG weights: URLs, checksums, input normalisation.
import type { Remote } from '../../io/download.js';
import { expected, option, text } from '../../errors.js';
import type { Config } from '../nets/architecture.js';
import { BUILTIN } from '../nets/builtin.js';
import { inputPresets } from './importers/source.js';
import type { InputNormalisation } from '../nets/backbone.js';

/** Published weights. */
export interface PublishedWeights extends Remote {
  /** The name for `weights download`. */
  readonly name: string;
  /** File name in the cache. */
  readonly file: string;
  readonly config: Config;
  readonly input: InputNormalisation;
  /** The publisher's interpolation for resizing images, if stated. */
  readonly resize: string;
  readonly from: string;
  /** The licence if the publisher's own package names one; else where to look. */
  readonly licence: string;
  readonly note?: string;
}

type Row = Omit<PublishedWeights, 'input' | 'resize' | 'licence' | 'from'>;

interface Family {
  readonly from: string;
  readonly licence: string;
  readonly input: InputNormalisation;
  readonly resize: string;
  readonly rows: readonly Row[];
}

const oxford = 'https://www.robots.ox.ac.uk/~vgg/software/very_deep/caffe/';
const keras = 'https://storage.googleapis.com/tensorflow/keras-applications/';
const torchvision = 'https://download.pytorch.org/models/';
const zoo = [
  'https://github.com/onnx/models/raw/main/validated/vision/classification/vgg/model/',
  'https://media.githubusercontent.com/media/onnx/models/main/validated/vision/classification/vgg/model/',
];
const matconvnet = 'https://www.vlfeat.org/matconvnet/models/';

/** torchvision's file names end in the first eight digits of their SHA-256. */
const torchRow = (name: string, config: Config, file: string): Row => ({
  name: `${name}-torchvision`,
  file: `${file}.pth`,
  urls: [`${torchvision}${file}.pth`],
  checksum: { sha256: file.slice(-8) },
  config,
});

const timmRow = (model: string, config: Config): Row => ({
  name: `${model.replace('_', '-')}-timm`,
  file: `${model}.tv_in1k.safetensors`,
  urls: [`https://huggingface.co/timm/${model}.tv_in1k/resolve/main/model.safetensors`],
  config,
});

const kerasRow = (net: string, config: Config, md5: string, top: boolean): Row => {
  const file = `${net}_weights_tf_dim_ordering_tf_kernels${top ? '' : '_notop'}.h5`;
  return {
    name: `${net}-keras${top ? '' : '-notop'}`,
    file,
    urls: [`${keras}${net}/${file}`],
    checksum: { md5 },
    config,
    note: top ? "Oxford's weights" : "Oxford's convolutions without fully-connected layers: no fc7",
  };
};

/** Sizes and checksums are those of the zoo's manifest. */
const zooRow = (name: string, config: Config, bytes: number, sha256: string): Row => ({
  name: `${name}-onnx`,
  file: `${name}.onnx`,
  urls: zoo.map((folder) => `${folder}${name}.onnx`),
  bytes,
  checksum: { sha256 },
  config,
});

const families: readonly Family[] = [
  {
    from: 'Oxford (Caffe): the nets of the paper',
    licence: 'see https://www.robots.ox.ac.uk/~vgg/research/very_deep/',
    input: inputPresets.oxford,
    resize: 'not stated',
    rows: [
      {
        name: 'vgg16-oxford',
        file: 'VGG_ILSVRC_16_layers.caffemodel',
        urls: [`${oxford}VGG_ILSVRC_16_layers.caffemodel`],
        checksum: { sha1: '9363e1f6d65f7dba68c4f27a1e62105cdf6c4e24' },
        config: 'D',
      },
      {
        name: 'vgg19-oxford',
        file: 'VGG_ILSVRC_19_layers.caffemodel',
        urls: [`${oxford}VGG_ILSVRC_19_layers.caffemodel`],
        checksum: { sha1: '239785e7862442717d831f682bb824055e51e9ba' },
        config: 'E',
      },
    ],
  },
  {
    from: 'Keras applications',
    licence: 'see source (weights of Oxford)',
    input: inputPresets.oxford,
    resize: 'not stated',
    rows: [
      kerasRow('vgg16', 'D', '64373286793e3c8b2b4e3219cbf3544b', true),
      kerasRow('vgg16', 'D', '6d6bbae143d832006294945121d1f1fc', false),
      kerasRow('vgg19', 'E', 'cbe5617147190e668d6c5d5026f83318', true),
      kerasRow('vgg19', 'E', '253f8cb515780f3b799900260a226db6', false),
    ],
  },
  {
    from: 'torchvision',
    licence: 'see source',
    input: inputPresets.torchvision,
    resize: 'antialiased bilinear (torchvision, Pillow)',
    rows: [
      torchRow('vgg11', 'A', 'vgg11-8a719046'),
      torchRow('vgg13', 'B', 'vgg13-19584684'),
      torchRow('vgg16', 'D', 'vgg16-397923af'),
      torchRow('vgg19', 'E', 'vgg19-dcbb9e9d'),
      torchRow('vgg11-bn', 'A', 'vgg11_bn-6002323d'),
      torchRow('vgg13-bn', 'B', 'vgg13_bn-abd245e5'),
      torchRow('vgg16-bn', 'D', 'vgg16_bn-6c64b313'),
      torchRow('vgg19-bn', 'E', 'vgg19_bn-c79401a0'),
    ],
  },
  {
    from: 'timm (weights of torchvision)',
    licence: 'BSD-3-Clause',
    input: inputPresets.torchvision,
    resize: 'antialiased bilinear (torchvision, Pillow)',
    rows: [
      timmRow('vgg11', 'A'),
      timmRow('vgg13', 'B'),
      timmRow('vgg16', 'D'),
      timmRow('vgg19', 'E'),
      timmRow('vgg11_bn', 'A'),
      timmRow('vgg13_bn', 'B'),
      timmRow('vgg16_bn', 'D'),
      timmRow('vgg19_bn', 'E'),
    ],
  },
  {
    from: 'ONNX model zoo (trained in MXNet)',
    licence: 'see source',
    input: inputPresets.torchvision,
    resize: 'not stated',
    rows: [
      zooRow('vgg16-7', 'D', 553_437_328, 'f20805a3ecccaa88647bbab4ad011ff2412a9838485ea844de0fcbce349820b9'),
      zooRow(
        'vgg16-12',
        'D',
        553_437_752,
        '722c42f53ca03a5480296bf8f9c85a151de3eed9ec982d7d2302ff6e2900c67b',
      ),
      zooRow(
        'vgg16-bn-7',
        'D',
        553_512_191,
        '4fdceabf1ef715c9ed3020fa2eac1cb2a448296c086b03633c80cf47e1c5afce',
      ),
      zooRow('vgg19-7', 'E', 574_677_321, '692f9f927f1df1b89033787a77a73eac59fd9b3344f9ecdf0b13221e41c2046f'),
      zooRow(
        'vgg19-bn-7',
        'E',
        574_774_380,
        'ce0987dfa6228ad29708013f38b7f73cbc14ca6066a05fc22ee49b35871c63ed',
      ),
    ],
  },
  {
    from: 'MatConvNet',
    licence: 'see source (weights of Oxford)',
    input: {
      order: 'rgb',
      scale: 1,
      mean: [123.68, 116.779, 103.939],
      std: [1, 1, 1],
      interpolation: 'cubic',
    },
    resize: 'not stated here; the file names its interpolation',
    rows: [
      {
        name: 'vgg16-matconvnet',
        file: 'imagenet-vgg-verydeep-16.mat',
        urls: [`${matconvnet}imagenet-vgg-verydeep-16.mat`],
        checksum: { md5: 'f72d927587ca4c97fbd165ec9cb9997f' },
        config: 'D',
      },
      {
        name: 'vgg19-matconvnet',
        file: 'imagenet-vgg-verydeep-19.mat',
        urls: [`${matconvnet}imagenet-vgg-verydeep-19.mat`],
        checksum: { md5: '106118b7cf60435e6d8e04f6a6dc3657' },
        config: 'E',
      },
    ],
  },
];

/** All known published files. A row without a checksum has a publisher that provides none. */
export const publishedWeights: readonly PublishedWeights[] = families.flatMap(({ rows, ...family }) =>
  rows.map((row) => ({ ...family, ...row })),
);

/** Finds a row of the table by name. @throws UsageError that lists the names */
export const publishedWeightsNamed = (name: string): PublishedWeights => {
  const found = publishedWeights.find((row) => row.name === name);
  if (!found) {
    const names = publishedWeights.map((row) => row.name).join(', ');
    const advice =
      name === BUILTIN
        ? text`This net comes with verydeep: give its name wherever a backbone is asked for (${option('backbone')} ${BUILTIN}).`
        : `Known are ${names}.`;
    throw expected('the name of published weights', 'weights download', name, advice);
  }
  return found;
};
