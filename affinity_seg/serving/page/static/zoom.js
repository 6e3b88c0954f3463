// How large the picture is shown.

import { byId, state } from "./state.js";

const STEP = 1.4;
const SCALES = [1 / 16, 32];

let scale = null; // Pixels of the screen for each of the picture; null: as it fits.

export function fit() {
  scale = null;
  resize();
}

export const larger = () => zoom(STEP);
export const smaller = () => zoom(1 / STEP);

export function resize() {
  const { picture } = state;
  if (!picture || byId("work").hidden) return;
  const used = scale ?? fitting();
  byId("frame").style.width = `${Math.floor(picture.width * used)}px`;
  byId("frame").style.height = `${Math.floor(picture.height * used)}px`;
  byId("pixels").classList.toggle("enlarged", used >= 3);
  byId("scale").textContent = `${Math.round(100 * used)} %`;
}

function zoom(factor) {
  scale = Math.min(Math.max((scale ?? fitting()) * factor, SCALES[0]), SCALES[1]);
  resize();
}

function fitting() {
  const view = byId("view");
  return Math.min(view.clientWidth / state.picture.width, view.clientHeight / state.picture.height);
}
