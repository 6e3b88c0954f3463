// What the parts of the page share: the picture that is shown, its elements, errors.

export const SVG = "http://www.w3.org/2000/svg";

export const state = {
  settings: null, // Of the server: limits, model, formats.
  picture: null, // What the server said of the picture that is shown.
  fields: {}, // Values of the merge.
  instances: [], // Those that are shown.
};

export const byId = (id) => document.getElementById(id);

export function say(id, text) {
  byId(id).textContent = text;
  byId(id).hidden = !text;
}

export async function tried(action) {
  say("error", "");
  try {
    await action();
  } catch (error) {
    say("error", error.message);
  }
}
