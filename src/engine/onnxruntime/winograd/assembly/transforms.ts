// The transforms of Winograd's F(2x2, 3x3) on planes of channels, with SIMD. A tile is 4 x 4 numbers of the input,
// two of which it shares with its neighbour, and 2 x 2 of the output. All addresses and pitches are in bytes.

/** The columns (or rows) of B': d0 - d2, d1 + d2, d2 - d1, d1 - d3, of the vectors at p0 to p3; the results lie `pitch` apart. */
function inputTransform(p0: usize, p1: usize, p2: usize, p3: usize, out: usize, pitch: usize): void {
  const a = v128.load(p0);
  const b = v128.load(p1);
  const c = v128.load(p2);
  const d = v128.load(p3);
  v128.store(out, f32x4.sub(a, c));
  v128.store(out + pitch, f32x4.add(b, c));
  v128.store(out + 2 * pitch, f32x4.sub(c, b));
  v128.store(out + 3 * pitch, f32x4.sub(b, d));
}

/**
 * Transforms the tiles of a plane: B'dB.
 *
 * @param x the plane: `rows` rows of `columns` positions of `channels` numbers
 * @param top, left how many rows and columns before the plane the first tile begins; negative: after
 * @param scratch room for four rows of 2 * tileColumns + 2 positions, and a row of zeros as long as one of x
 * @param v receives 16 planes, `pitch` apart, of the tiles in reading order
 */
export function winogradInput(
  x: usize,
  rows: i32,
  columns: i32,
  channels: i32,
  top: i32,
  left: i32,
  tileRows: i32,
  tileColumns: i32,
  scratch: usize,
  v: usize,
  pitch: usize,
): void {
  const pixel = (<usize>channels) << 2;
  const row = <usize>columns * pixel;
  const wide = <usize>(2 * tileColumns + 2) * pixel;
  const zeros = scratch + 4 * wide;
  memory.fill(scratch, 0, 4 * wide + row);
  // The columns of the plane that tiles see.
  const begin = max(0, -left);
  const end = min(columns, 2 * tileColumns + 2 - left);
  const from = <usize>begin * pixel;
  const to = <usize>end * pixel;
  const first = scratch + <usize>(begin + left) * pixel - from;
  let out = v;
  for (let ty: i32 = 0; ty < tileRows; ty++) {
    const r = 2 * ty - top;
    const p0 = <u32>r < <u32>rows ? x + <usize>r * row : zeros;
    const p1 = <u32>(r + 1) < <u32>rows ? x + <usize>(r + 1) * row : zeros;
    const p2 = <u32>(r + 2) < <u32>rows ? x + <usize>(r + 2) * row : zeros;
    const p3 = <u32>(r + 3) < <u32>rows ? x + <usize>(r + 3) * row : zeros;
    for (let i = from; i < to; i += 16) inputTransform(p0 + i, p1 + i, p2 + i, p3 + i, first + i, wide);
    for (let i: i32 = 0; i < 4; i++) {
      let s = scratch + <usize>i * wide;
      let o = out + 4 * <usize>i * pitch;
      for (let tx: i32 = 0; tx < tileColumns; tx++) {
        for (let c: usize = 0; c < pixel; c += 16) {
          inputTransform(s, s + pixel, s + 2 * pixel, s + 3 * pixel, o, pitch);
          s += 16;
          o += 16;
        }
        s += pixel;
      }
    }
    out += <usize>tileColumns * pixel;
  }
}

/**
 * Transforms products back: A'mA, with a bias for each channel added, and with ReLU.
 *
 * @param m 16 planes, `pitch` apart, of the tiles in reading order
 * @param bias `channels` numbers
 * @param scratch room for eight rows of `tileColumns` positions
 * @param y receives `rows` rows of `columns` positions, at most two for each row and column of tiles
 */
export function winogradOutput(
  m: usize,
  pitch: usize,
  tileRows: i32,
  tileColumns: i32,
  channels: i32,
  bias: usize,
  relu: bool,
  scratch: usize,
  y: usize,
  rows: i32,
  columns: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const row = <usize>columns * pixel;
  const length = <usize>tileColumns * pixel;
  const least = f32x4.splat(relu ? 0 : -Infinity);
  let q = m;
  for (let ty: i32 = 0; ty < tileRows; ty++) {
    // Down the columns, one of the four after the other: few of the 16 planes at a time.
    let s = scratch;
    for (let j: i32 = 0; j < 4; j++) {
      for (let i: usize = 0; i < length; i += 16) {
        const p = q + i;
        const m1 = v128.load(p + 4 * pitch);
        const m2 = v128.load(p + 8 * pitch);
        v128.store(s + i, f32x4.add(f32x4.add(v128.load(p), m1), m2));
        v128.store(s + i + length, f32x4.sub(f32x4.sub(m1, m2), v128.load(p + 12 * pitch)));
      }
      q += pitch;
      s += 2 * length;
    }
    q += length - 4 * pitch;
    for (let r: i32 = 0; r < 2; r++) {
      if (2 * ty + r >= rows) break;
      let o = y + <usize>(2 * ty + r) * row;
      s = scratch + <usize>r * length;
      for (let tx: i32 = 0; tx < tileColumns; tx++) {
        const hasRight = 2 * tx + 1 < columns;
        for (let c: usize = 0; c < pixel; c += 16) {
          const b = v128.load(bias + c);
          const u1 = v128.load(s + 2 * length);
          const u2 = v128.load(s + 4 * length);
          v128.store(o, f32x4.max(f32x4.add(f32x4.add(f32x4.add(v128.load(s), u1), u2), b), least));
          if (hasRight)
            v128.store(
              o + pixel,
              f32x4.max(f32x4.add(f32x4.sub(f32x4.sub(u1, u2), v128.load(s + 6 * length)), b), least),
            );
          s += 16;
          o += 16;
        }
        o += pixel;
      }
    }
  }
}

/**
 * Collects the outputs of tiles, by their four positions within a tile: what lies beyond the plane's edge is zero.
 *
 * @param y the plane: `rows` rows of `columns` positions of `channels` numbers
 * @param tiles receives four times `channels` numbers for each tile in reading order; the positions are `pitch` apart
 */
export function winogradGather(
  y: usize,
  rows: i32,
  columns: i32,
  channels: i32,
  tileRows: i32,
  tileColumns: i32,
  tiles: usize,
  pitch: usize,
): void {
  const pixel = (<usize>channels) << 2;
  const row = <usize>columns * pixel;
  const zero = f32x4.splat(0);
  for (let p: i32 = 0; p < 4; p++) {
    let o = tiles + <usize>p * pitch;
    const right = p & 1;
    for (let r = p >> 1; r < 2 * tileRows; r += 2) {
      let q = y + <usize>r * row + <usize>right * pixel;
      for (let j = right; j < 2 * tileColumns; j += 2) {
        const isInside = r < rows && j < columns;
        for (let c: usize = 0; c < pixel; c += 16) v128.store(o + c, isInside ? v128.load(q + c) : zero);
        o += pixel;
        q += 2 * pixel;
      }
    }
  }
}

/** Exchanges rows and columns of 4 x 4 numbers, the rows of which lie `pitch` apart. */
function transpose(p: usize, pitch: usize): void {
  const a = v128.load(p);
  const b = v128.load(p + pitch);
  const c = v128.load(p + 2 * pitch);
  const d = v128.load(p + 3 * pitch);
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  v128.store(p, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(p + pitch, v128.shuffle<i64>(ab, cd, 1, 3));
  const ba = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const dc = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(p + 2 * pitch, v128.shuffle<i64>(ba, dc, 0, 2));
  v128.store(p + 3 * pitch, v128.shuffle<i64>(ba, dc, 1, 3));
}

/**
 * Transforms the gradients of tiles' outputs: AeA'. Tiles become the innermost numbers, as many of them as a block has channels.
 *
 * @param tiles `count` tiles as {@link winogradGather} collects them, whole blocks; overwritten
 * @param z receives 16 planes, `planePitch` apart, in blocks of `channels` tiles that are `blockPitch` apart
 */
export function winogradOutputGradient(
  tiles: usize,
  pitch: usize,
  count: i32,
  channels: i32,
  z: usize,
  blockPitch: usize,
  planePitch: usize,
): void {
  const pixel = (<usize>channels) << 2;
  const block = <usize>channels * pixel;
  for (let t: i32 = 0; t < count; t += channels) {
    // Within the rows of four tiles, the vectors of a channel lie where those of a tile lay.
    for (let p: usize = 0; p < 4; p++) {
      for (let r: usize = 0; r < block; r += 4 * pixel)
        for (let c: usize = 0; c < pixel; c += 16) transpose(tiles + p * pitch + r + c, pixel);
    }
    // Few of the 16 planes at a time, and whole lines of them.
    for (let i: usize = 0; i < 4; i++) {
      for (let c: usize = 0; c < <usize>channels; c++) {
        const q = tiles + (c & 3) * pixel + ((c >> 2) << 4);
        const o = z + 4 * i * planePitch + c * pixel;
        for (let r: usize = 0; r < pixel; r += 16) {
          const at = q + r * <usize>channels;
          let a = v128.load(at);
          let b = v128.load(at + pitch);
          const d = v128.load(at + 2 * pitch);
          const e = v128.load(at + 3 * pitch);
          if (i == 1) {
            a = f32x4.add(a, d);
            b = f32x4.add(b, e);
          } else if (i == 2) {
            a = f32x4.sub(a, d);
            b = f32x4.sub(b, e);
          } else if (i == 3) {
            a = f32x4.neg(d);
            b = f32x4.neg(e);
          }
          v128.store(o + r, a);
          v128.store(o + r + planePitch, f32x4.add(a, b));
          v128.store(o + r + 2 * planePitch, f32x4.sub(a, b));
          v128.store(o + r + 3 * planePitch, f32x4.neg(b));
        }
      }
    }
    tiles += block;
    z += blockPitch;
  }
}
