// A canvas to draw on: with mouse, finger, pen or keyboard. Strokes are kept as points.

const STEP = 8; // Pixels that an arrow key moves the pen.
// In pixels, of a picture to read: digits of 100 pixels are read as well as larger ones, but faster.
const HIGHEST = 128;
const WIDEST = 640;

export class Drawing {
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.strokes = [];
    this.current = null;
    this.pointer = null;
    this.pen = null; // The pen that the keyboard moves.
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#extend(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.#end(event));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => {
      this.#lift();
      this.pen = null;
      this.redraw();
    });
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    this.#resize();
  }

  get isEmpty() {
    return this.strokes.length === 0;
  }

  get width() {
    return Math.max(8, Math.min(18, this.canvas.clientHeight / 20));
  }

  undo() {
    this.#lift();
    this.strokes.pop();
    this.#changed();
  }

  clear() {
    this.#lift();
    this.strokes = [];
    this.#changed();
  }

  // The picture for the reader: dark strokes on white, with a margin, no larger than needed.
  // `strokes` and `box` limit it to some strokes and to a part of the canvas.
  picture({ strokes = this.strokes, box = null } = {}) {
    const [left, top, right, bottom] = box ?? this.#around(strokes);
    const margin = 0.25 * Math.max(bottom - top, 40);
    const width = right - left + 2 * margin;
    const height = bottom - top + 2 * margin;
    const scale = Math.min(1, HIGHEST / height, WIDEST / width);
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil(width * scale);
    canvas.height = Math.ceil(height * scale);
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.setTransform(scale, 0, 0, scale, scale * (margin - left), scale * (margin - top));
    if (box) {
      context.beginPath();
      context.rect(left, top, right - left, bottom - top);
      context.clip();
    }
    this.#paint(context, strokes, "#000");
    return { canvas, left: left - margin, top: top - margin, scale };
  }

  // The strokes that lie mostly in a box.
  inBox([left, top, right, bottom]) {
    return this.strokes.filter((stroke) => {
      const n = stroke.filter((p) => p.x >= left && p.x <= right && p.y >= top && p.y <= bottom);
      return n.length > stroke.length / 2;
    });
  }

  #around(strokes) {
    const points = strokes.flat();
    const half = this.width / 2;
    const xs = points.map((p) => p.x);
    const ys = points.map((p) => p.y);
    return [
      Math.min(...xs) - half,
      Math.min(...ys) - half,
      Math.max(...xs) + half,
      Math.max(...ys) + half,
    ];
  }

  #begin(event) {
    if (event.button !== 0 || this.pointer !== null) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.pen = null;
    this.current = [this.#place(event)];
    this.strokes.push(this.current);
    this.#changed(true);
  }

  #extend(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.current.push(this.#place(one));
    this.#changed(true);
  }

  #end(event) {
    if (event.pointerId !== this.pointer) return;
    this.#lift();
    this.#changed();
  }

  #lift() {
    this.current = null;
    this.pointer = null;
  }

  #place(event) {
    const frame = this.canvas.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    const isUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey);
    if (move) this.#move(...move);
    else if (event.key === " " || event.key === "Enter") this.#toggle();
    else if (isUndo || event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
  }

  #move(across, down) {
    this.#find();
    const { clientWidth, clientHeight } = this.canvas;
    this.pen.x = Math.max(0, Math.min(clientWidth, this.pen.x + STEP * across));
    this.pen.y = Math.max(0, Math.min(clientHeight, this.pen.y + STEP * down));
    if (this.current) {
      this.current.push({ ...this.pen });
      this.#changed(true);
    } else this.redraw();
  }

  #toggle() {
    this.#find();
    if (this.current) {
      this.#lift();
      this.#changed();
      return;
    }
    this.current = [{ ...this.pen }];
    this.strokes.push(this.current);
    this.#changed(true);
  }

  #find() {
    this.pen ??= { x: this.canvas.clientWidth / 2, y: this.canvas.clientHeight / 3 };
  }

  #changed(isDrawing = false) {
    this.redraw();
    this.onChange(isDrawing);
  }

  #resize() {
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    if (!canvas.clientWidth) return; // The canvas is hidden.
    const factor = this.drawnWidth ? canvas.clientWidth / this.drawnWidth : 1;
    if (factor !== 1) {
      for (const point of this.strokes.flat()) {
        point.x *= factor;
        point.y *= factor;
      }
    }
    this.drawnWidth = canvas.clientWidth;
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.round(canvas.clientHeight * scale);
    this.redraw();
  }

  redraw() {
    const context = this.canvas.getContext("2d");
    const scale = this.canvas.width / Math.max(1, this.canvas.clientWidth);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    const style = getComputedStyle(this.canvas);
    this.#paint(context, this.strokes, style.getPropertyValue("--ink").trim() || "#000");
    if (!this.strokes.length && !this.pen) {
      context.font = "1.1rem system-ui, sans-serif";
      context.textAlign = "center";
      context.fillStyle = style.getPropertyValue("--quiet").trim() || "#777";
      const { clientWidth, clientHeight } = this.canvas;
      context.fillText("Draw here", clientWidth / 2, clientHeight / 2);
    }
    if (this.pen) {
      context.strokeStyle = style.getPropertyValue("--accent").trim() || "#00f";
      context.lineWidth = 2;
      context.beginPath();
      context.arc(this.pen.x, this.pen.y, this.width / 2 + 3, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #paint(context, strokes, colour) {
    context.strokeStyle = colour;
    context.lineWidth = this.width;
    context.lineCap = "round";
    context.lineJoin = "round";
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(stroke[0].x, stroke[0].y);
      for (const point of stroke) context.lineTo(point.x, point.y);
      context.stroke();
    }
  }
}
