// The page to draw on: each digit is cut out, redrawn as MNIST's were, and read in this browser.

import { AnswerView } from "./answer.js";
import { Drawing } from "./drawing.js";
import { groupStrokes, redraw } from "./redraw.js";
import * as ort from "./ort.wasm.min.mjs";

const SIDE = 28;
const LEAST = 0.5; // What is less sure is no digit.

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL(".", import.meta.url).href;
const loading = ort.InferenceSession.create(new URL("digits.onnx", import.meta.url).href);

async function classify(pictures) {
  const session = await loading;
  const pixels = new Uint8Array(pictures.length * SIDE * SIDE);
  pictures.forEach((picture, i) => pixels.set(picture, i * SIDE * SIDE));
  const images = new ort.Tensor("uint8", pixels, [pictures.length, SIDE, SIDE, 1]);
  const { probabilities } = await session.run({ images }, ["probabilities"]);
  const n = probabilities.dims[1];
  return pictures.map((picture, i) => {
    const own = [...probabilities.data.slice(i * n, (i + 1) * n)];
    const confidence = Math.max(...own);
    return {
      label: String(own.indexOf(confidence)),
      confidence,
      probabilities: Object.fromEntries(own.map((one, label) => [String(label), one])),
      pixels: [...picture],
    };
  });
}

async function read(drawing) {
  if (drawing.isEmpty) return null;
  const groups = groupStrokes(drawing.strokes, drawing.width);
  const pictures = groups.map((strokes) => redraw(drawing.picture({ strokes }).canvas, SIDE));
  const answers = await classify(pictures);
  const digits = answers.filter((one) => one.confidence >= LEAST);
  return { text: digits.map((one) => one.label).join(""), digits, other: answers[0] };
}

const get = (id) => document.getElementById(id);
const view = new AnswerView(get("drawn"));
let last = Promise.resolve();
const drawing = new Drawing(get("pad"), () => {
  get("undo").disabled = get("clear").disabled = drawing.isEmpty;
  const n = drawing.strokes.flat().length;
  // One after the other, and only of the last state.
  last = last.then(async () => {
    if (n !== drawing.strokes.flat().length) return;
    try {
      view.show(await read(drawing));
    } catch (error) {
      get("error").textContent = `The model cannot be run here: ${error.message}`;
      get("error").hidden = false;
    }
  });
});
// The theme's own switch.
const theme = new MutationObserver(() => drawing.redraw());
theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
get("undo").addEventListener("click", () => drawing.undo());
get("clear").addEventListener("click", () => drawing.clear());
