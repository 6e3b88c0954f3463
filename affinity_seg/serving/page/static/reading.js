// A picture comes and goes.

import { merge } from "./merging.js";
import { askJson, ofPicture } from "./server.js";
import { makeSliders } from "./sliders.js";
import { byId, say, state, tried } from "./state.js";
import { fit } from "./zoom.js";

let isReading = false;

export async function read(file) {
  if (isReading) {
    say("error", `${file.name} was not read: wait until the picture before it is there.`);
    return;
  }
  const limit = state.settings.max_bytes;
  if (file.size > limit) {
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
    if (state.picture) forget();
    await show(found);
  });
  clearInterval(timer);
  say("busy", "");
  document.body.removeAttribute("aria-busy");
  isReading = false;
}

async function show(found) {
  state.picture = found;
  state.fields = structuredClone(found.fields);
  byId("start").hidden = true;
  byId("work").hidden = byId("of-picture").hidden = false;
  byId("name").textContent = found.name;
  byId("pixel-size").placeholder = found.pixel_size ?? "unknown";
  byId("pixel-size-note").textContent = found.pixel_size_remark;
  byId("pixels").src = ofPicture("/picture.png");
  byId("drawn").setAttribute("viewBox", `0 0 ${found.width} ${found.height}`);
  byId("view").style.aspectRatio = `${found.width} / ${found.height}`; // For small screens.
  makeSliders();
  fit();
  await merge();
  byId("view").focus({ focusVisible: false });
}

export function forget() {
  // Nothing needs to wait for this, and a picture that is gone already is fine.
  fetch(ofPicture(), { method: "DELETE", keepalive: true }).catch(() => {});
  state.picture = null;
}

export function restart() {
  if (state.picture) forget();
  byId("work").hidden = byId("of-picture").hidden = true;
  byId("start").hidden = false;
  byId("pixels").removeAttribute("src");
  byId("drawn").replaceChildren();
  byId("file").value = "";
  say("error", "");
  byId("choose").focus();
}
