// Describes the instance that is pointed at, by the mouse or by the arrow keys.

import { byId, state } from "./state.js";

let shown = -1; // Index of the instance that is pointed at.

const paths = () => byId("drawn").getElementsByClassName("instance");

export function point(index, event) {
  paths()[shown]?.classList.remove("shown");
  shown = index;
  byId("tip").hidden = index < 0 || !event;
  const { instances, picture } = state;
  if (index < 0) {
    byId("detail").textContent = instances.length
      ? "Point at an instance, or go through them with the arrow keys."
      : "No instance is left with these values.";
    return;
  }
  const instance = instances[index];
  const text = `${picture.classes[instance.class].name}, score ${instance.score.toFixed(2)}, ${instance.size} pixels`;
  paths()[index].classList.add("shown");
  byId("detail").textContent = `${index + 1} of ${instances.length}: ${text}`;
  if (!event) return;
  const tip = byId("tip");
  tip.textContent = text;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(0, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${Math.max(0, Math.min(event.clientY + 18, innerHeight - height - 4))}px`;
}

export function step(event) {
  const ways = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const way = ways[event.key];
  const { length } = state.instances;
  if (!way || !length) return;
  event.preventDefault();
  const next = shown < 0 && way < 0 ? length - 1 : shown + way;
  point((next + length) % length);
  paths()[shown].scrollIntoView({ block: "nearest", inline: "nearest" });
}

export const pointed = (event) => point(Number(event.target.dataset.index ?? -1), event);
