// The values of the merge.

import { merge } from "./merging.js";
import { byId, state } from "./state.js";

export function makeSliders() {
  const { picture } = state;
  const { thresholds } = picture.fields;
  const rows = thresholds.map((_, stage) => {
    const name = thresholds.length > 1 ? `Threshold ${stage + 1}` : "Threshold";
    const note = stage ? "" : "Higher: fewer pixels are joined, so instances fall apart.";
    const set = (value) => {
      // Later stages never have larger thresholds.
      state.fields.thresholds = state.fields.thresholds.map((old, other) =>
        other < stage ? Math.max(old, value) : other > stage ? Math.min(old, value) : value);
    };
    return slider(`threshold-${stage}`, name, note, [0.01, 1, 0.01], set);
  });
  const note = "Instances up to this size are left out, in pixels after the networks' zoom.";
  rows.push(slider("min-pixels", "Smallest size", note, [0, picture.max_min_pixels, 1], (value) => {
    state.fields.min_pixels = value;
  }));
  const scores = "Instances with a lower score are left out.";
  rows.push(slider("min-score", "Least score", scores, [0, 1, 0.01], (value) => {
    state.fields.min_score = value || (picture.fields.min_score === null ? null : 0);
  }));
  byId("sliders").replaceChildren(...rows);
  showFields();
}

export function reset() {
  state.fields = structuredClone(state.picture.fields);
  showFields();
  merge();
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
  const { picture, fields } = state;
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
