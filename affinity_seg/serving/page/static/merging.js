// Asks for the instances with the values of the sliders.

import { draw } from "./drawing.js";
import { askJson, ofPicture, query } from "./server.js";
import { byId, say, state, tried } from "./state.js";

let isMerging = false;
let isChanged = false;

// While one request is under way, only the newest values wait for the next one.
export async function merge() {
  isChanged = true;
  if (isMerging) return;
  isMerging = true;
  byId("count").setAttribute("aria-busy", "true");
  while (isChanged && state.picture) {
    isChanged = false;
    const asked = state.picture;
    await tried(async () => {
      const answer = await askJson(ofPicture(`/instances${query()}`));
      if (asked === state.picture) show(answer);
    });
  }
  byId("count").removeAttribute("aria-busy");
  isMerging = false;
}

function show(answer) {
  draw(answer.instances);
  say("warning", answer.warning ?? "");
  byId("command").textContent = answer.command;
  byId("zoom-note").textContent = answer.command.includes("first_zoom")
    ? `The networks saw this picture zoomed by ${state.picture.zoom.toFixed(2)}. For other pictures, ` +
      "leave out the three fields of the zoom: then each is zoomed by the size of its own objects."
    : "";
}
