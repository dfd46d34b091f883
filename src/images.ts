// `verydeep/images`: decoding of any image file to 8-bit sRGB, resizing, cropping and mirroring.
export { centreCrop, clipToImage, crop, flip, randomCrop } from './images/crop.js';
export { decode, type DecodeOptions, loadImage } from './images/decode.js';
export { ImageError, type RgbImage } from './images/image.js';
export { type Interpolation, interpolations } from './interpolation.js';
export { resizeSmallestSide, resizeTo } from './images/resize.js';
export { type BytesInMemory, type ByteSource, readImageBytes } from './images/source.js';
