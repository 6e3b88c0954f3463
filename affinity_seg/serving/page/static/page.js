// Starts the page: asks for the settings, and connects the elements with what they do.

import { makeDownloads } from "./downloads.js";
import { point, pointed, step } from "./pointing.js";
import { forget, read, restart } from "./reading.js";
import { askJson } from "./server.js";
import { reset } from "./sliders.js";
import { byId, say, state, tried } from "./state.js";
import { fit, larger, resize, smaller } from "./zoom.js";

async function start() {
  const settings = await askJson("settings");
  state.settings = settings;
  const megapixels = (settings.max_pixels / 1e6).toFixed(1);
  byId("model").textContent = `model ${settings.model}`;
  byId("allowed").textContent =
    "PNG, JPEG, BMP or TIFF, 8 or 16 bits; at most " +
    `${megapixels} million pixels and ${settings.max_bytes / 1e6} MB.`;
  byId("privacy").textContent =
    "Nobody else sees the picture. The server keeps it in memory only, and forgets it when you close " +
    `this page, or after ${settings.minutes} minutes without use.`;
  makeDownloads();
}

function listen() {
  for (const id of ["choose", "other"]) byId(id).addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", () => {
    const [file] = byId("file").files;
    if (file) read(file);
    byId("file").value = "";
  });
  for (const [id, action] of Object.entries({ forget: restart, reset, smaller, larger, fit })) {
    byId(id).addEventListener("click", () => action());
  }
  byId("outlines").addEventListener("change", (event) => {
    byId("drawn").classList.toggle("without", !event.target.checked);
  });
  for (const name of ["pointermove", "pointerdown"]) byId("drawn").addEventListener(name, pointed);
  byId("drawn").addEventListener("pointerleave", () => point(-1));
  byId("view").addEventListener("keydown", step);
  for (const [name, isOver] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.toggle("dragging", isOver);
    });
  }
  addEventListener("drop", (event) => {
    const { files } = event.dataTransfer;
    if (files.length > 1) say("error", `One picture at a time: ${files.length} were dropped.`);
    else if (files.length) read(files[0]);
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  addEventListener("pagehide", () => { if (state.picture) forget(); });
  new ResizeObserver(resize).observe(byId("view"));
}

listen();
tried(start);
