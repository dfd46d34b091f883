// Batch normalisation in training: moments, the normalised output with ReLU and max pooling, and the gradient. All addresses are in
// bytes; channels are a multiple of four. A chunk is some rows of positions; a plane has `period` of them, and after the last of
// `planes` planes the first follows. `start` rows came before. `factors` holds rows of one number for each channel of all planes:
// the factor a and the shift b of the normalised z = a x + b, the mean, and two more for the gradient.

/** Positions whose sums are added up in float32 before they are added to those in float64. */
const SHORT: i32 = 128;

function addTo(sums: usize, v: v128): void {
  v128.store(sums, f64x2.add(v128.load(sums), f64x2.promote_low_f32x4(v)));
  const high = v128.shuffle<i64>(v, v, 1, 0);
  v128.store(sums + 16, f64x2.add(v128.load(sums + 16), f64x2.promote_low_f32x4(high)));
}

/** Adds x - pivot and its square to `sums` and `squares`, which are in float64. */
export function moments(
  x: usize,
  pivots: usize,
  sums: usize,
  squares: usize,
  rows: i32,
  channels: i32,
  period: i32,
  planes: i32,
  start: i32,
): void {
  const pixel = (<usize>channels) << 2;
  let plane = (start / period) % planes;
  let left = period - (start % period);
  while (rows > 0) {
    const run = min(min(left, rows), SHORT);
    const end = x + <usize>run * pixel;
    const even = x + <usize>(run & ~1) * pixel;
    const first = <usize>plane * pixel;
    for (let c: usize = 0; c < pixel; c += 16) {
      const pivot = v128.load(pivots + first + c);
      let s = f32x4.splat(0);
      let t = s;
      let q = s;
      let r = s;
      let p = x + c;
      for (; p < even; p += 2 * pixel) {
        const a = f32x4.sub(v128.load(p), pivot);
        const b = f32x4.sub(v128.load(p + pixel), pivot);
        s = f32x4.add(s, a);
        t = f32x4.add(t, b);
        q = f32x4.add(q, f32x4.mul(a, a));
        r = f32x4.add(r, f32x4.mul(b, b));
      }
      if (p < end) {
        const a = f32x4.sub(v128.load(p), pivot);
        s = f32x4.add(s, a);
        q = f32x4.add(q, f32x4.mul(a, a));
      }
      addTo(sums + 2 * (first + c), f32x4.add(s, t));
      addTo(squares + 2 * (first + c), f32x4.add(q, r));
    }
    x = end;
    rows -= run;
    left -= run;
    if (left == 0) {
      left = period;
      plane = plane + 1 < planes ? plane + 1 : 0;
    }
  }
}

/** z in place of x; with `relu` its positive part. */
export function normalise(
  x: usize,
  factors: usize,
  rows: i32,
  channels: i32,
  period: i32,
  planes: i32,
  start: i32,
  relu: bool,
): void {
  const pixel = (<usize>channels) << 2;
  const pitch = <usize>planes * pixel;
  const least = f32x4.splat(relu ? 0 : -Infinity);
  let plane = (start / period) % planes;
  let left = period - (start % period);
  while (rows > 0) {
    const run = min(left, rows);
    const end = x + <usize>run * pixel;
    const f = factors + <usize>plane * pixel;
    for (let c: usize = 0; c < pixel; c += 16) {
      const a = v128.load(f + c);
      const b = v128.load(f + pitch + c);
      for (let p = x + c; p < end; p += pixel)
        v128.store(p, f32x4.max(f32x4.add(f32x4.mul(v128.load(p), a), b), least));
    }
    x = end;
    rows -= run;
    left -= run;
    if (left == 0) {
      left = period;
      plane = plane + 1 < planes ? plane + 1 : 0;
    }
  }
}

/** The largest of each 2 x 2 window of z, or zero if that is larger. Rows are pairs of rows here, of `windows` windows. */
export function normalisePool(
  x: usize,
  y: usize,
  factors: usize,
  pairs: i32,
  windows: i32,
  channels: i32,
  period: i32,
  planes: i32,
  start: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const pitch = <usize>planes * pixel;
  const row = (<usize>windows * pixel) << 1;
  const zero = f32x4.splat(0);
  let plane = (start / period) % planes;
  let left = period - (start % period);
  for (let r: i32 = 0; r < pairs; r++, left--) {
    if (left == 0) {
      left = period;
      plane = plane + 1 < planes ? plane + 1 : 0;
    }
    const f = factors + <usize>plane * pixel;
    const end = x + row;
    for (let c: usize = 0; c < pixel; c += 16) {
      const a = v128.load(f + c);
      const b = v128.load(f + pitch + c);
      let o = y + c;
      for (let p = x + c; p < end; p += 2 * pixel) {
        const z0 = f32x4.add(f32x4.mul(v128.load(p), a), b);
        const z1 = f32x4.add(f32x4.mul(v128.load(p + pixel), a), b);
        const z2 = f32x4.add(f32x4.mul(v128.load(p + row), a), b);
        const z3 = f32x4.add(f32x4.mul(v128.load(p + row + pixel), a), b);
        v128.store(o, f32x4.max(f32x4.max(f32x4.max(z0, z1), f32x4.max(z2, z3)), zero));
        o += pixel;
      }
    }
    x += 2 * row;
    y += row >> 1;
  }
}

/** Adds g and g (x - mean) to `sums` and `products`, in float64: g is dy, with `relu` where z is above zero. */
export function normGradientSums(
  x: usize,
  dy: usize,
  factors: usize,
  sums: usize,
  products: usize,
  rows: i32,
  channels: i32,
  period: i32,
  planes: i32,
  start: i32,
  relu: bool,
): void {
  const pixel = (<usize>channels) << 2;
  const pitch = <usize>planes * pixel;
  const least = f32x4.splat(relu ? 0 : -Infinity);
  let plane = (start / period) % planes;
  let left = period - (start % period);
  while (rows > 0) {
    const run = min(min(left, rows), SHORT);
    const end = x + <usize>run * pixel;
    const first = <usize>plane * pixel;
    for (let c: usize = 0; c < pixel; c += 16) {
      const f = factors + first + c;
      const a = v128.load(f);
      const b = v128.load(f + pitch);
      const mean = v128.load(f + 2 * pitch);
      let s = f32x4.splat(0);
      let t = s;
      let o = dy + c;
      for (let p = x + c; p < end; p += pixel) {
        const v = v128.load(p);
        const z = f32x4.add(f32x4.mul(v, a), b);
        const g = v128.and(v128.load(o), f32x4.gt(z, least));
        s = f32x4.add(s, g);
        t = f32x4.add(t, f32x4.mul(g, f32x4.sub(v, mean)));
        o += pixel;
      }
      addTo(sums + 2 * (first + c), s);
      addTo(products + 2 * (first + c), t);
    }
    x = end;
    dy += <usize>run * pixel;
    rows -= run;
    left -= run;
    if (left == 0) {
      left = period;
      plane = plane + 1 < planes ? plane + 1 : 0;
    }
  }
}

/** As {@link normGradientSums}, for dy of 2 x 2 windows: it belongs to the first maximum of z, if that is above zero. */
export function normPoolGradientSums(
  x: usize,
  dy: usize,
  factors: usize,
  sums: usize,
  products: usize,
  pairs: i32,
  windows: i32,
  channels: i32,
  period: i32,
  planes: i32,
  start: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const pitch = <usize>planes * pixel;
  const row = (<usize>windows * pixel) << 1;
  const zero = f32x4.splat(0);
  let plane = (start / period) % planes;
  let left = period - (start % period);
  for (let r: i32 = 0; r < pairs; r++, left--) {
    if (left == 0) {
      left = period;
      plane = plane + 1 < planes ? plane + 1 : 0;
    }
    const first = <usize>plane * pixel;
    const end = x + row;
    for (let c: usize = 0; c < pixel; c += 16) {
      const f = factors + first + c;
      const a = v128.load(f);
      const b = v128.load(f + pitch);
      const mean = v128.load(f + 2 * pitch);
      let s = zero;
      let t = zero;
      let o = dy + c;
      for (let p = x + c; p < end; p += 2 * pixel) {
        const x0 = v128.load(p);
        const x1 = v128.load(p + pixel);
        const x2 = v128.load(p + row);
        const x3 = v128.load(p + row + pixel);
        const z0 = f32x4.add(f32x4.mul(x0, a), b);
        const z1 = f32x4.add(f32x4.mul(x1, a), b);
        const z2 = f32x4.add(f32x4.mul(x2, a), b);
        const z3 = f32x4.add(f32x4.mul(x3, a), b);
        const isLeft = f32x4.ge(z0, z1);
        const isLowerLeft = f32x4.ge(z2, z3);
        const upper = v128.bitselect(z0, z1, isLeft);
        const lower = v128.bitselect(z2, z3, isLowerLeft);
        const isUpper = f32x4.ge(upper, lower);
        const above = v128.bitselect(x0, x1, isLeft);
        const below = v128.bitselect(x2, x3, isLowerLeft);
        const best = v128.bitselect(upper, lower, isUpper);
        const g = v128.and(v128.load(o), f32x4.gt(best, zero));
        s = f32x4.add(s, g);
        t = f32x4.add(t, f32x4.mul(g, f32x4.sub(v128.bitselect(above, below, isUpper), mean)));
        o += pixel;
      }
      addTo(sums + 2 * (first + c), s);
      addTo(products + 2 * (first + c), t);
    }
    x += 2 * row;
    dy += row >> 1;
  }
}

/** dx = a g - k - (x - mean) l in place of x; k and l are the fourth and the fifth row of `factors`. */
export function normGradient(
  x: usize,
  dy: usize,
  factors: usize,
  rows: i32,
  channels: i32,
  period: i32,
  planes: i32,
  start: i32,
  relu: bool,
): void {
  const pixel = (<usize>channels) << 2;
  const pitch = <usize>planes * pixel;
  const least = f32x4.splat(relu ? 0 : -Infinity);
  let plane = (start / period) % planes;
  let left = period - (start % period);
  while (rows > 0) {
    const run = min(left, rows);
    const end = x + <usize>run * pixel;
    for (let c: usize = 0; c < pixel; c += 16) {
      const f = factors + <usize>plane * pixel + c;
      const a = v128.load(f);
      const b = v128.load(f + pitch);
      const mean = v128.load(f + 2 * pitch);
      const k = v128.load(f + 3 * pitch);
      const l = v128.load(f + 4 * pitch);
      let o = dy + c;
      for (let p = x + c; p < end; p += pixel) {
        const v = v128.load(p);
        const z = f32x4.add(f32x4.mul(v, a), b);
        const g = v128.and(f32x4.mul(v128.load(o), a), f32x4.gt(z, least));
        v128.store(p, f32x4.sub(f32x4.sub(g, k), f32x4.mul(f32x4.sub(v, mean), l)));
        o += pixel;
      }
    }
    x = end;
    dy += <usize>run * pixel;
    rows -= run;
    left -= run;
    if (left == 0) {
      left = period;
      plane = plane + 1 < planes ? plane + 1 : 0;
    }
  }
}

/** As {@link normGradient}, for dy of 2 x 2 windows. */
export function normPoolGradient(
  x: usize,
  dy: usize,
  factors: usize,
  pairs: i32,
  windows: i32,
  channels: i32,
  period: i32,
  planes: i32,
  start: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const pitch = <usize>planes * pixel;
  const row = (<usize>windows * pixel) << 1;
  const zero = f32x4.splat(0);
  let plane = (start / period) % planes;
  let left = period - (start % period);
  for (let r: i32 = 0; r < pairs; r++, left--) {
    if (left == 0) {
      left = period;
      plane = plane + 1 < planes ? plane + 1 : 0;
    }
    const end = x + row;
    for (let c: usize = 0; c < pixel; c += 16) {
      const f = factors + <usize>plane * pixel + c;
      const a = v128.load(f);
      const b = v128.load(f + pitch);
      const mean = v128.load(f + 2 * pitch);
      const k = v128.load(f + 3 * pitch);
      const l = v128.load(f + 4 * pitch);
      let o = dy + c;
      for (let p = x + c; p < end; p += 2 * pixel) {
        const x0 = v128.load(p);
        const x1 = v128.load(p + pixel);
        const x2 = v128.load(p + row);
        const x3 = v128.load(p + row + pixel);
        const z0 = f32x4.add(f32x4.mul(x0, a), b);
        const z1 = f32x4.add(f32x4.mul(x1, a), b);
        const z2 = f32x4.add(f32x4.mul(x2, a), b);
        const z3 = f32x4.add(f32x4.mul(x3, a), b);
        const isLeft = f32x4.ge(z0, z1);
        const isLowerLeft = f32x4.ge(z2, z3);
        const upper = v128.bitselect(z0, z1, isLeft);
        const lower = v128.bitselect(z2, z3, isLowerLeft);
        const isUpper = f32x4.ge(upper, lower);
        const best = v128.bitselect(upper, lower, isUpper);
        const g = v128.and(f32x4.mul(v128.load(o), a), f32x4.gt(best, zero));
        const ga = v128.and(g, isUpper);
        const gb = v128.andnot(g, isUpper);
        const d0 = f32x4.sub(v128.and(ga, isLeft), k);
        const d1 = f32x4.sub(v128.andnot(ga, isLeft), k);
        const d2 = f32x4.sub(v128.and(gb, isLowerLeft), k);
        const d3 = f32x4.sub(v128.andnot(gb, isLowerLeft), k);
        v128.store(p, f32x4.sub(d0, f32x4.mul(f32x4.sub(x0, mean), l)));
        v128.store(p + pixel, f32x4.sub(d1, f32x4.mul(f32x4.sub(x1, mean), l)));
        v128.store(p + row, f32x4.sub(d2, f32x4.mul(f32x4.sub(x2, mean), l)));
        v128.store(p + row + pixel, f32x4.sub(d3, f32x4.mul(f32x4.sub(x3, mean), l)));
        o += pixel;
      }
    }
    x += 2 * row;
    dy += row >> 1;
  }
}
