// One drawing in a scene: a seeded pose, position, size and background, as SVG.
import { Random } from '../../src/random.js';
import type { Drawing } from './drawings.js';

/** Side of a rendered image in pixels. */
export const SIDE = 80;

/** Random parameters; ranges are uniform. */
export const chance = {
  /** Side of the drawing as a share of the image's. */
  size: [0.6, 0.95],
  /** Rotation in degrees. */
  turn: [-25, 25],
  /** Random shapes on the background. */
  shapes: 0,
  /** Their radius as a share of the image's side. */
  radius: [0.06, 0.3],
} as const;

const fixed = (x: number): string => String(Math.round(x * 100) / 100);

/** The drawing in its scene, an SVG document; the same drawing and seed give the same text. */
export const scene = (drawing: Drawing, seed: number): string => {
  const random = new Random(seed, 'scene', drawing.artist, drawing.concept.code);
  const between = ([low, high]: readonly [number, number]): number => low + (high - low) * random.uniform();
  const colour = (): string =>
    `hsl(${random.below(360)} ${Math.round(between([10, 90]))}% ${Math.round(between([20, 90]))}%)`;

  const [turn, side] = [between(chance.turn), SIDE * between(chance.size)];
  const room = SIDE - side;
  const [x, y] = [side / 2 + room * random.uniform(), side / 2 + room * random.uniform()];
  const mirror = random.uniform() < 0.5 !== drawing.mirrored ? -1 : 1;
  const background = [
    `<linearGradient id="demo-sky" gradientTransform="rotate(${random.below(360)} .5 .5)"><stop stop-color="${colour()}"/><stop offset="1" stop-color="${colour()}"/></linearGradient>`,
    `<rect width="${SIDE}" height="${SIDE}" fill="url(#demo-sky)"/>`,
    ...Array.from({ length: random.below(chance.shapes + 1) }, () => {
      const [cx, cy, rx] = [SIDE * random.uniform(), SIDE * random.uniform(), SIDE * between(chance.radius)];
      const place = `transform="translate(${fixed(cx)} ${fixed(cy)}) rotate(${random.below(180)})" fill="${colour()}"`;
      return random.uniform() < 0.5
        ? `<ellipse rx="${fixed(rx)}" ry="${fixed(rx * between([0.3, 1]))}" ${place}/>`
        : `<rect x="${fixed(-rx)}" y="${fixed(-rx / 2)}" width="${fixed(2 * rx)}" height="${fixed(rx)}" ${place}/>`;
    }),
  ];
  const [left, top, width, height] = drawing.viewBox;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${SIDE}" height="${SIDE}">`,
    ...background,
    `<g transform="translate(${fixed(x)} ${fixed(y)}) rotate(${fixed(turn)}) scale(${mirror} 1)">`,
    `<svg x="${fixed(-side / 2)}" y="${fixed(-side / 2)}" width="${fixed(side)}" height="${fixed(side)}" viewBox="${left} ${top} ${width} ${height}">`,
    drawing.body,
    '</svg></g></svg>',
  ].join('\n');
};
