// Draws the instances over the picture and counts them.

import { point } from "./pointing.js";
import { byId, state, SVG } from "./state.js";

const COLORS = ["#ff5d5d", "#ffd23f", "#5ee06b", "#4fd8ff", "#ff8ce8", "#ffa04d", "#b6a5ff", "#f4ffb0"];
const LEAST_LIGHT = 150;

export function draw(instances) {
  state.instances = instances;
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
  const { classes } = state.picture;
  if (classes.length > 1) return rgb(classes[instance.class].color);
  const [x, y] = instance.rings[0];
  return COLORS[(x * 31 + y * 17) % COLORS.length];
}

function listClasses() {
  const { classes } = state.picture;
  const counts = classes.map(() => 0);
  for (const instance of state.instances) counts[instance.class] += 1;
  const entries = classes.flatMap((one, index) => {
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
  byId("classes").hidden = classes.length < 2;
}
