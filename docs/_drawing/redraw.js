// Drawn strokes as digits in MNIST's form: fitted into 20 by 20 of 28 by 28 pixels, light on
// black, with the centre of mass in the middle. DigitNormalizer does the same with pictures.

const BOX = 20 / 28;

// Strokes that stand above each other are one digit. Digits come from left to right.
export function groupStrokes(strokes, width) {
  const spans = strokes.map((stroke) => {
    const xs = stroke.map((point) => point.x);
    return { left: Math.min(...xs) - width / 2, right: Math.max(...xs) + width / 2, strokes: [stroke] };
  });
  for (let i = 0; i < spans.length; i += 1) {
    for (let j = i + 1; j < spans.length; j += 1) {
      const shared = Math.min(spans[i].right, spans[j].right) - Math.max(spans[i].left, spans[j].left);
      const narrower = Math.min(spans[i].right - spans[i].left, spans[j].right - spans[j].left);
      if (shared < 0.3 * narrower) continue;
      spans[i] = {
        left: Math.min(spans[i].left, spans[j].left),
        right: Math.max(spans[i].right, spans[j].right),
        strokes: [...spans[i].strokes, ...spans[j].strokes],
      };
      spans.splice(j, 1);
      j = i; // The wider one may reach others.
    }
  }
  return spans.sort((one, other) => one.left - other.left).map((span) => span.strokes);
}

// Bytes of a picture of dark strokes on white.
export function redraw(canvas, side) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const ink = Float64Array.from({ length: width * height }, (_, i) => 255 - data[4 * i]);
  const columns = new Float64Array(width);
  const rows = new Float64Array(height);
  ink.forEach((value, i) => {
    columns[i % width] += value;
    rows[Math.floor(i / width)] += value;
  });
  const [left, right] = ends(columns);
  const [top, bottom] = ends(rows);
  const drawn = new Uint8Array(side * side);
  if (right <= left) return drawn;
  const scale = Math.round(side * BOX) / Math.max(right - left, bottom - top);
  const across = place(columns.slice(left, right), scale, side);
  const down = place(rows.slice(top, bottom), scale, side);
  const found = new Float64Array(side * side);
  for (let y = 0; y < down.length; y += 1) {
    for (let x = 0; x < across.length; x += 1) {
      const box = [
        left + (x * (right - left)) / across.length,
        left + ((x + 1) * (right - left)) / across.length,
        top + (y * (bottom - top)) / down.length,
        top + ((y + 1) * (bottom - top)) / down.length,
      ];
      found[(down.first + y) * side + across.first + x] = mean(ink, width, box);
    }
  }
  const most = Math.max(...found, 1);
  found.forEach((value, i) => (drawn[i] = Math.round((255 * value) / most)));
  return drawn;
}

function ends(sums) {
  const first = sums.findIndex((sum) => sum > 0);
  return [Math.max(0, first), sums.length - [...sums].reverse().findIndex((sum) => sum > 0)];
}

function place(sums, scale, side) {
  const total = sums.reduce((sum, one) => sum + one, 0);
  const middle = sums.reduce((sum, one, i) => sum + one * (i + 0.5), 0) / total;
  const length = Math.max(1, Math.round(sums.length * scale));
  const first = Math.round(Math.floor(side / 2) + 0.5 - middle * scale);
  return { length, first: Math.min(Math.max(first, 0), Math.max(0, side - length)) };
}

// The mean of what lies in a box, with parts of pixels at its edges.
function mean(ink, width, [left, right, top, bottom]) {
  let sum = 0;
  for (let y = Math.floor(top); y < Math.ceil(bottom); y += 1) {
    const tall = Math.min(bottom, y + 1) - Math.max(top, y);
    for (let x = Math.floor(left); x < Math.ceil(right); x += 1) {
      sum += ink[y * width + x] * tall * (Math.min(right, x + 1) - Math.max(left, x));
    }
  }
  return sum / ((right - left) * (bottom - top));
}
