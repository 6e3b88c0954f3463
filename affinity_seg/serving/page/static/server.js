// Requests to the server. It reads a picture once; afterwards it is only asked for it merged with
// other values.

import { state } from "./state.js";

export async function ask(path, options) {
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

export const askJson = async (path, options) => (await ask(path, options)).json();

export const ofPicture = (rest = "") => `pictures/${state.picture.token}${rest}`;

// The values of the merge, and others, as the end of an address.
export function query(more = {}) {
  const { thresholds, min_pixels, min_score } = state.fields;
  const text = { thresholds: thresholds.join(), min_pixels, ...more };
  if (min_score !== null) text.min_score = min_score;
  return `?${new URLSearchParams(text)}`;
}
