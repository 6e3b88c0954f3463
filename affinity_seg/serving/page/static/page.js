"use strict";

// The server reads a picture once. Afterwards this page only asks for it merged with other values.

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const COLORS = ["#ff5d5d", "#ffd23f", "#5ee06b", "#4fd8ff", "#ff8ce8", "#ffa04d", "#b6a5ff", "#f4ffb0"];
const LEAST_LIGHT = 150;
const ZOOM_STEP = 1.4;
const SCALES = [1 / 16, 32];
const REVOKE_MS = 10000;
const LABELS = {
  png: ["Picture", "PNG with outlines"],
  json: ["Masks", "JSON"],
  labels_tiff: ["Label image", "TIFF"],
  labels_png: ["Label image", "PNG, 16 bits"],
  imagej: ["ImageJ", "zip of ROIs"],
  geojson: ["QuPath", "GeoJSON"],
  coco: ["COCO", "JSON"],
  csv: ["Measurements", "CSV table"],
};

let settings; // Of the server: limits, model, formats.
let picture = null; // What the server said of the picture that is shown.
let fields = {}; // Values of the merge.
let instances = [];
let shown = -1; // Index of the instance that is pointed at.
let scale = null; // Pixels of the screen for each of the picture; null: as it fits.
let isReading = false;
let isMerging = false;
let isChanged = false;

// --- Requests -------------------------------------------------------------------------------

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  if (!response.ok) {
    const answer = await response.json().catch(() => ({ error: `status ${response.status}` }));
    throw new Error(answer.error);
  }
  return response;
}

const askJson = async (path, options) => (await ask(path, options)).json();
const ofPicture = (rest = "") => `pictures/${picture.token}${rest}`;

function query(more = {}) {
  const text = { thresholds: fields.thresholds.join(), min_pixels: fields.min_pixels, ...more };
  if (fields.min_score !== null) text.min_score = fields.min_score;
  return `?${new URLSearchParams(text)}`;
}

function say(id, text) {
  byId(id).textContent = text;
  byId(id).hidden = !text;
}

async function tried(action) {
  say("error", "");
  try {
    await action();
  } catch (error) {
    say("error", error.message);
  }
}

// --- Reading a picture ----------------------------------------------------------------------

async function read(file) {
  if (isReading) {
    say("error", `${file.name} was not read: wait until the picture before it is there.`);
    return;
  }
  if (file.size > settings.max_bytes) {
    const limit = settings.max_bytes;
    say("error", `${file.name}: the file must have at most ${limit} bytes on this page: ${file.size}`);
    return;
  }
  isReading = true;
  document.body.setAttribute("aria-busy", "true");
  const started = Date.now();
  const tell = () => {
    const seconds = Math.round((Date.now() - started) / 1000);
    say("busy", `Reading ${file.name} and running the networks: ${seconds} s`);
  };
  tell();
  const timer = setInterval(tell, 1000);
  await tried(async () => {
    const given = { name: file.name };
    for (const id of ["page", "channels"]) if (byId(id).value.trim()) given[id] = byId(id).value.trim();
    const found = await askJson(`pictures?${new URLSearchParams(given)}`, {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: file,
    });
    if (picture) forget();
    await show(found);
  });
  clearInterval(timer);
  say("busy", "");
  document.body.removeAttribute("aria-busy");
  isReading = false;
}

async function show(found) {
  picture = found;
  fields = structuredClone(found.fields);
  scale = null;
  byId("start").hidden = true;
  byId("work").hidden = byId("of-picture").hidden = false;
  byId("name").textContent = found.name;
  byId("pixels").src = ofPicture("/picture.png");
  byId("drawn").setAttribute("viewBox", `0 0 ${found.width} ${found.height}`);
  byId("view").style.aspectRatio = `${found.width} / ${found.height}`; // For small screens.
  makeSliders();
  resize();
  await merge();
  byId("view").focus({ focusVisible: false });
}

function forget() {
  // Nothing needs to wait for this, and a picture that is gone already is fine.
  fetch(ofPicture(), { method: "DELETE", keepalive: true }).catch(() => {});
  picture = null;
}

function restart() {
  if (picture) forget();
  byId("work").hidden = byId("of-picture").hidden = true;
  byId("start").hidden = false;
  byId("pixels").removeAttribute("src");
  byId("drawn").replaceChildren();
  byId("file").value = "";
  say("error", "");
  byId("choose").focus();
}

// --- Merging --------------------------------------------------------------------------------

// While one request is under way, only the newest values wait for the next one.
async function merge() {
  isChanged = true;
  if (isMerging) return;
  isMerging = true;
  while (isChanged && picture) {
    isChanged = false;
    const asked = picture;
    await tried(async () => {
      const answer = await askJson(ofPicture(`/instances${query()}`));
      if (asked === picture) draw(answer);
    });
  }
  isMerging = false;
}

function draw(answer) {
  instances = answer.instances;
  shown = -1;
  const paths = instances.map((instance, index) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", "instance");
    path.setAttribute("d", instance.rings.map(outline).join(""));
    path.setAttribute("color", colorOf(instance));
    path.dataset.index = index;
    return path;
  });
  const halo = document.createElementNS(SVG, "path");
  halo.setAttribute("class", "halo");
  halo.setAttribute("d", paths.map((path) => path.getAttribute("d")).join(""));
  byId("drawn").replaceChildren(halo, ...paths);
  byId("count").textContent = `${instances.length} ${instances.length === 1 ? "instance" : "instances"}`;
  byId("command").textContent = answer.command;
  byId("zoom-note").textContent = answer.command.includes("first_zoom")
    ? `The networks saw this picture enlarged ${picture.zoom.toFixed(2)} times. For other pictures, ` +
      "leave out the three fields of the zoom: then each is enlarged by the size of its own objects."
    : "";
  listClasses();
  point(-1);
}

function outline(ring) {
  const corners = [];
  for (let i = 0; i < ring.length; i += 2) corners.push(`${ring[i]} ${ring[i + 1]}`);
  return `M${corners.join("L")}Z`;
}

// The colour of a class, lightened until it can be seen on its dark edge.
function rgb([red, green, blue]) {
  const light = 0.3 * red + 0.59 * green + 0.11 * blue;
  const share = Math.max(0, (LEAST_LIGHT - light) / (255 - light));
  return `rgb(${[red, green, blue].map((value) => Math.round(value + (255 - value) * share)).join()})`;
}

// With one class, touching instances get colours of their own. An instance that stays where it is
// keeps its colour.
function colorOf(instance) {
  if (picture.classes.length > 1) return rgb(picture.classes[instance.class].color);
  const [x, y] = instance.rings[0];
  return COLORS[(x * 31 + y * 17) % COLORS.length];
}

function listClasses() {
  const counts = picture.classes.map(() => 0);
  for (const instance of instances) counts[instance.class] += 1;
  const entries = picture.classes.flatMap((one, index) => {
    if (!counts[index]) return [];
    const sample = document.createElementNS(SVG, "svg");
    const square = document.createElementNS(SVG, "rect");
    for (const side of ["width", "height"]) square.setAttribute(side, "100%");
    square.setAttribute("fill", rgb(one.color));
    sample.append(square);
    const entry = document.createElement("li");
    entry.append(sample, `${one.name} ${counts[index]}`);
    return [entry];
  });
  byId("classes").replaceChildren(...entries);
  byId("classes").hidden = picture.classes.length < 2;
}

// --- Sliders --------------------------------------------------------------------------------

function makeSliders() {
  const { thresholds } = picture.fields;
  const rows = thresholds.map((_, stage) => {
    const name = thresholds.length > 1 ? `Threshold ${stage + 1}` : "Threshold";
    const note = stage ? "" : "Higher: fewer pixels are joined, so instances fall apart.";
    const set = (value) => {
      // Later stages never have larger thresholds.
      fields.thresholds = fields.thresholds.map((old, other) =>
        other < stage ? Math.max(old, value) : other > stage ? Math.min(old, value) : value);
    };
    return slider(`threshold-${stage}`, name, note, [0.01, 1, 0.01], set);
  });
  const note = "Instances up to this size are left out, in pixels after the networks' zoom.";
  rows.push(slider("min-pixels", "Smallest size", note, [0, picture.max_min_pixels, 1], (value) => {
    fields.min_pixels = value;
  }));
  const scores = "Instances with a lower score are left out.";
  rows.push(slider("min-score", "Least score", scores, [0, 1, 0.01], (value) => {
    fields.min_score = value || (picture.fields.min_score === null ? null : 0);
  }));
  byId("sliders").replaceChildren(...rows);
  showFields();
}

function slider(id, name, note, [min, max, step], set) {
  const row = document.createElement("div");
  row.className = "slider";
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = name;
  const [range, number] = ["range", "number"].map((type) => {
    const input = document.createElement("input");
    Object.assign(input, { type, min, step });
    if (type === "range") input.max = max;
    input.addEventListener("input", () => {
      if (!input.value || !Number.isFinite(input.valueAsNumber)) return;
      set(input.valueAsNumber);
      showFields(input);
      merge();
    });
    return input;
  });
  range.id = id;
  number.id = `${id}-number`;
  number.setAttribute("aria-label", `${name}, as a number`);
  const text = document.createElement("p");
  text.id = `${id}-note`;
  text.textContent = note;
  range.setAttribute("aria-describedby", text.id);
  row.append(label, number, range, text);
  return row;
}

// Shows the values in all inputs but the one that is being typed into.
function showFields(typed) {
  const values = Object.fromEntries(fields.thresholds.map((value, stage) => [`threshold-${stage}`, value]));
  values["min-pixels"] = fields.min_pixels;
  values["min-score"] = fields.min_score ?? 0;
  for (const [id, value] of Object.entries(values)) {
    for (const input of [byId(id), byId(`${id}-number`)]) if (input !== typed) input.value = value;
  }
  if (picture.zoom) {
    const own = Math.round(fields.min_pixels / picture.zoom ** 2);
    byId("min-pixels-note").textContent =
      `Instances up to this size are left out. It is counted in the enlarged picture; in yours it is ${own} pixels.`;
  }
}

// --- Looking --------------------------------------------------------------------------------

function point(index, event) {
  const paths = byId("drawn").getElementsByClassName("instance");
  if (paths[shown]) paths[shown].classList.remove("shown");
  shown = index;
  byId("tip").hidden = index < 0 || !event;
  if (index < 0) {
    byId("detail").textContent = instances.length
      ? "Point at an instance, or go through them with the arrow keys."
      : "No instance is left with these values.";
    return;
  }
  const instance = instances[index];
  const text = `${picture.classes[instance.class].name}, score ${instance.score.toFixed(2)}, ${instance.size} pixels`;
  paths[index].classList.add("shown");
  byId("detail").textContent = `${index + 1} of ${instances.length}: ${text}`;
  if (!event) return;
  const tip = byId("tip");
  tip.textContent = text;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(0, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${Math.max(0, Math.min(event.clientY + 18, innerHeight - height - 4))}px`;
}

function step(event) {
  const ways = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const way = ways[event.key];
  if (!way || !instances.length) return;
  event.preventDefault();
  const next = shown < 0 && way < 0 ? instances.length - 1 : shown + way;
  point((next + instances.length) % instances.length);
  byId("drawn").getElementsByClassName("instance")[shown].scrollIntoView({ block: "nearest", inline: "nearest" });
}

const pointed = (event) => point(Number(event.target.dataset.index ?? -1), event);

function fitting() {
  const view = byId("view");
  return Math.min(view.clientWidth / picture.width, view.clientHeight / picture.height);
}

function resize() {
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

// --- Downloads ------------------------------------------------------------------------------

async function download(format) {
  const pixelSize = byId("pixel-size").value.trim();
  const more = pixelSize && settings.with_pixel_size.includes(format) ? { pixel_size: pixelSize } : {};
  const response = await ask(ofPicture(`/files/${format}${query(more)}`));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = picture.files[format];
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_MS);
}

function makeDownloads() {
  const buttons = settings.formats.map((format) => {
    const [name, kind] = LABELS[format] ?? [format, ""];
    const button = document.createElement("button");
    button.type = "button";
    button.id = `download-${format}`;
    const small = document.createElement("small");
    small.textContent = kind;
    button.append(name, small);
    button.addEventListener("click", () => tried(() => download(format)));
    return button;
  });
  byId("downloads").replaceChildren(...buttons);
}

// --- Start ----------------------------------------------------------------------------------

async function start() {
  settings = await askJson("settings");
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
  byId("forget").addEventListener("click", restart);
  byId("reset").addEventListener("click", () => {
    fields = structuredClone(picture.fields);
    showFields();
    merge();
  });
  byId("outlines").addEventListener("change", (event) => {
    byId("drawn").classList.toggle("without", !event.target.checked);
  });
  byId("smaller").addEventListener("click", () => zoom(1 / ZOOM_STEP));
  byId("larger").addEventListener("click", () => zoom(ZOOM_STEP));
  byId("fit").addEventListener("click", () => { scale = null; resize(); });
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
  addEventListener("pagehide", () => { if (picture) forget(); });
  new ResizeObserver(resize).observe(byId("view"));
}

listen();
tried(start);
