// The files of the instances that are shown.

import { ask, ofPicture, query } from "./server.js";
import { byId, state, tried } from "./state.js";

const REVOKE_MS = 10000;
const LABELS = {
  png: ["Picture", "PNG with outlines"],
  json: ["Masks", "JSON"],
  labels_tiff: ["Label image", "TIFF"],
  labels_png: ["Label image", "PNG, 16 bits"],
  imagej: ["ImageJ", "zip of ROIs"],
  geojson: ["QuPath", "detections, GeoJSON"],
  geojson_annotations: ["QuPath", "annotations, GeoJSON"],
  coco: ["COCO", "JSON"],
  csv: ["Measurements", "CSV table"],
};

async function download(format) {
  const { picture, settings } = state;
  const pixelSize = byId("pixel-size").value.trim();
  const more = pixelSize && settings.with_pixel_size.includes(format) ? { pixel_size: pixelSize } : {};
  const response = await ask(ofPicture(`/files/${format}${query(more)}`));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = picture.files[format];
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_MS);
}

export function makeDownloads() {
  const buttons = state.settings.formats.map((format) => {
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
