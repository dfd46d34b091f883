// Imports VGG nets from ONNX models, following the graph node by node.
import { UsageError } from '../../../errors.js';
import { type OnnxFile, openOnnx } from '../../../formats/onnx.js';
import { NOTE, readNote } from '../../nets/note.js';
import { stepsOf } from './onnx-steps.js';
import { type WeightSource, inputPresets } from './source.js';
import { netOf } from './steps.js';

/** Operators of 8-bit nets. */
const isQuantised = (op: string): boolean =>
  /^(QLinear|QGemm|QAttention|(Dynamic)?Quantize|Dequantize|ConvInteger|MatMulInteger)/.test(op);

/** Converters from frameworks whose VGG nets use Oxford's preprocessing (Keras, Caffe). */
const oxfordProducers = /tf2onnx|keras|tensorflow|caffe/i;

const sourceOf = async (path: string, file: OnnxFile): Promise<WeightSource> => {
  const quantised = file.nodes.find(({ op }) => isQuantised(op));
  if (quantised) {
    throw new UsageError(
      `Expected weights in floating point in the ONNX model ${path} but received a quantised net (operator ` +
        `${quantised.op}): its weights are rounded to 8 bits. Import the float32 file that it was made from.`,
    );
  }
  const { steps, channelsLast } = stepsOf(file);
  const net = await netOf(path, steps);
  const isOxford = oxfordProducers.test(file.producer) || (channelsLast && !/torch/i.test(file.producer));
  const preset = isOxford ? 'oxford' : 'torchvision';
  return {
    format: 'onnx',
    ...net,
    input: net.prepared ?? inputPresets[preset],
    ...readNote(path, file.metadata.get(NOTE)),
    close: () => {
      file.close();
      return Promise.resolve();
    },
  };
};

/**
 * Opens an ONNX model; external data must be in the model's folder. @throws UsageError naming the file and
 * the fault
 */
export const openOnnxSource = async (path: string): Promise<WeightSource> => {
  const file = openOnnx(path);
  try {
    return await sourceOf(path, file);
  } catch (error) {
    file.close();
    throw error;
  }
};
