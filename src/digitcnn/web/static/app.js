// The page: its tabs, its error message, and the start of each tab.

import { showModel } from "./about.js";
import { call, setToken, takeToken } from "./client.js";
import { startCorrect } from "./correct.js";
import { startDraw } from "./draw.js";
import { startPicture } from "./picture.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
const error = document.getElementById("error");
const tokenForm = document.getElementById("token-form");
let settings = { collects: false, limits: { body: 32 << 20 } };

function choose(tab, withFocus = true) {
  for (const one of tabs) {
    const isChosen = one === tab;
    one.setAttribute("aria-selected", String(isChosen));
    one.tabIndex = isChosen ? 0 : -1;
    document.getElementById(one.getAttribute("aria-controls")).hidden = !isChosen;
  }
  if (withFocus) tab.focus();
}

tabs.forEach((tab, i) => {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    choose(tabs.at(moves[event.key] % tabs.length));
  });
});

// Shows an error; null removes the last one.
function show(problem) {
  if (problem?.status === 401) {
    tokenForm.hidden = false;
    return;
  }
  error.hidden = !problem;
  error.textContent = problem ? problem.message : "";
}

async function start() {
  try {
    settings = await call("/api/model");
    showModel(settings);
    tokenForm.hidden = true;
    show(null);
    document.getElementById("collecting").hidden = !settings.collects;
  } catch (problem) {
    show(problem);
  }
}

tokenForm.addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(document.getElementById("token").value.trim());
  start();
});

takeToken();
const correct = startCorrect(show, () => settings);
startDraw(show, correct);
startPicture(show, correct, () => settings.limits);
document.documentElement.dataset.ready = "true";
start();
