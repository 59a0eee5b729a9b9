// The tab Draw: reads a drawing while you draw.

import { AnswerView } from "./answer.js";
import { call, classify } from "./client.js";
import { toBytes } from "./dom.js";
import { Drawing } from "./drawing.js";

const PAUSE = 120; // Milliseconds between two readings during a stroke.

export function startDraw(show, correct) {
  const view = new AnswerView(document.getElementById("drawn"), correct);
  const undo = document.getElementById("undo");
  const clear = document.getElementById("clear");
  const reading = new Latest(async () => (drawing.isEmpty ? null : read(drawing)), view, show);
  const drawing = new Drawing(document.getElementById("pad"), (isDrawing) => {
    undo.disabled = clear.disabled = drawing.isEmpty;
    reading.ask(isDrawing ? PAUSE : 0);
  });
  undo.addEventListener("click", () => drawing.undo());
  clear.addEventListener("click", () => {
    drawing.clear();
    drawing.canvas.focus();
  });
}

// Runs one reading at a time, and always one of the final state.
class Latest {
  constructor(read, view, show) {
    this.read = read;
    this.view = view;
    this.show = show;
    this.isRunning = false;
    this.isAsked = false;
    this.timer = null;
  }

  ask(delay) {
    this.isAsked = true;
    this.view.setBusy(true);
    if (delay && this.timer !== null) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.#run();
    }, delay);
  }

  async #run() {
    if (this.isRunning) return;
    this.isRunning = true;
    while (this.isAsked && this.timer === null) {
      this.isAsked = false;
      try {
        const found = await this.read();
        if (!this.isAsked || found) this.view.show(found);
        this.show(null);
      } catch (error) {
        this.show(error);
      }
    }
    this.isRunning = false;
    this.view.setBusy(this.isAsked);
  }
}

async function read(drawing) {
  const { canvas, left, top, scale } = drawing.picture();
  const found = await call("/api/read?line=true", { body: toBytes(canvas), type: "image/png" });
  const digits = found.pages[0].lines.flatMap((line) => line.numbers.flatMap((number) => number.digits));
  if (!digits.length) {
    const [other] = await classify([toBytes(canvas)]);
    return { text: "", digits: [], other };
  }
  const crops = digits.map((digit) => {
    const [x, y, width, height] = digit.box;
    const pad = drawing.width / 2;
    const box = [
      left + x / scale - pad,
      top + y / scale - pad,
      left + (x + width) / scale + pad,
      top + (y + height) / scale + pad,
    ];
    const strokes = digits.length > 1 ? drawing.inBox(box) : drawing.strokes;
    // A stroke that runs through several digits is cut where the reader cut it.
    const picture = strokes.length ? drawing.picture({ strokes }) : drawing.picture({ box });
    return toBytes(picture.canvas);
  });
  const answers = await classify(crops);
  return {
    text: found.pages[0].text,
    digits: digits.map((digit, i) => ({
      ...answers[i],
      label: digit.text,
      confidence: digit.confidence,
    })),
  };
}
