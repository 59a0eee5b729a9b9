// The tab About: the model's description, accuracy and confidence thresholds.

import { element, percent } from "./dom.js";

export function showModel(model) {
  const facts = [
    ["model", model.model === "pretrained" ? "the one that comes with digitcnn" : model.model],
    ["version", `digitcnn ${model.digitcnn}`],
    ["network", `${model.architecture}, ${model.weights.toLocaleString("en")} weights${model.networks > 1 ? `, ${model.networks} networks` : ""}`],
    ["pictures", `${model.image_shape.replaceAll("x", "×")} pixels, ${model.pixel_range.replace("..", " to ")}`],
    ["classes", model.classes.join(" ")],
    ["temperature", String(model.temperature)],
  ];
  if (model.validation_accuracy !== undefined) {
    const n = model.validation_digits.toLocaleString("en");
    facts.push(["accuracy", `${percent(model.validation_accuracy)} on ${n} held-out digits`]);
  }
  const list = document.getElementById("model");
  list.replaceChildren(
    ...facts.flatMap(([name, value]) => [
      element("dt", { textContent: name }),
      element("dd", { textContent: value }),
    ]),
  );
  const room = document.getElementById("accuracy");
  room.replaceChildren();
  if (model.measured.length) {
    const rows = model.measured.map((row) => [
      row.pictures,
      row.number.toLocaleString("en"),
      row.accuracy === null ? "–" : exact(row.accuracy),
      exact(row.confident),
    ]);
    const names = ["pictures", "number", "accuracy", "confidence above 50%"];
    room.append(table("Accuracy on pictures that the model was not trained on", names, rows));
  }
  if (model.thresholds.length) {
    const rows = model.thresholds.map((row) => [
      exact(row.target_error_rate),
      row.confidence.toFixed(4),
      exact(row.answered),
    ]);
    const names = ["target error rate", "confidence threshold", "digits at or above it"];
    room.append(table("Rejecting uncertain digits", names, rows));
  }
  const text =
    `A confidence is a probability: of all digits with a confidence of 90%, nine in ten should be right. The network's outputs are calibrated for this with a temperature of ${model.temperature}. ` +
    "The calibration holds for digits like those of the training data; yours may differ.";
  room.append(element("h2", { textContent: "What a confidence means" }), element("p", { textContent: text }));
}

function exact(part) {
  return `${(100 * part).toFixed(2)}%`;
}

function table(caption, names, rows) {
  const isFigure = (i) => (i > 0 || rows[0].length === 3 ? "figure" : "");
  const head = element("tr", {}, ...names.map((name, i) => element("th", { scope: "col", textContent: name, className: isFigure(i) })));
  const lines = rows.map((row) =>
    element("tr", {}, ...row.map((cell, i) => element("td", { textContent: cell, className: isFigure(i) }))),
  );
  const made = element("table", { className: "figures" }, element("caption", { textContent: caption }), element("thead", {}, head), element("tbody", {}, ...lines));
  const room = element("div", { className: "scroll", tabIndex: 0, role: "region" }, made);
  room.setAttribute("aria-label", caption);
  return room;
}
