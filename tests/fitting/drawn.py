"""Small data sets that are drawn, with known properties, in layout `folder`."""

import cv2
import numpy as np


def discs(
    folder,
    count=6,
    *,
    side=64,
    radii=(4, 5),
    per_image=5,
    level=(30, 200),
    touching=False,
    seed=0,
    gain=None,
    parts=False,
):
    """Writes images of discs with their instances.

    Args:
      folder: Gets `images` and `instances`.
      count: Images.
      side: Height and width of the images, pixels.
      radii: Least and largest radius, pixels.
      per_image: Discs in an image, on a grid.
      level: Brightness of background and discs.
      touching: Whether discs lie in pairs that touch.
      seed: Seed.
      gain: Factors on the brightness, one for each image in turn.
      parts: Whether a dark line cuts each disc into two parts.
    """
    rng = np.random.default_rng(seed)
    for name in ("images", "instances"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    cells = max(1, int(np.ceil(np.sqrt(per_image))))
    pitch = side // cells
    for index in range(count):
        image = np.full((side, side), level[0], np.float32)
        ids = np.zeros((side, side), np.uint16)
        for number in range(per_image):
            y, x = (pitch * v + pitch // 2 for v in divmod(number, cells))
            radius = int(rng.integers(radii[0], radii[1] + 1))
            _disc(image, ids, y, x, radius, level[1], 2 * number + 1, parts)
            if touching:
                _disc(image, ids, y, x + 2 * radius + 1, radius, level[1], 2 * number + 2, parts)
        image = image * (1 if gain is None else gain[index % len(gain)])
        image = np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{index:03}.png"), image)
        cv2.imwrite(str(folder / "instances" / f"{index:03}.png"), ids)
    return folder


def _disc(image, ids, y, x, radius, level, number, parts):
    mask = np.zeros(ids.shape, np.uint8)
    cv2.circle(mask, (x, y), radius, 1, -1)
    if parts:
        mask[y - 1 : y + 1] = 0
    image[mask > 0] = level
    ids[mask > 0] = number


def scattered(folder, count=16, *, side=160, lowest=0.0, is_upright=False, seed=0):
    """Writes images of 20 ellipses in random places and directions.

    Args:
      folder: Gets `images` and `instances`.
      count: Images.
      side: Height and width of the images, pixels.
      lowest: They lie at least so far below the upper edge, a share of the height.
      is_upright: Whether all point up.
      seed: Seed.
    """
    rng = np.random.default_rng(seed)
    for name in ("images", "instances"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        ids = np.zeros((side, side), np.uint16)
        for number in range(20):
            center = (int(rng.integers(8, side - 8)), int(rng.uniform(lowest * side + 8, side - 8)))
            angle = 90 if is_upright else float(rng.uniform(0, 180))
            cv2.ellipse(ids, center, (8, 4), angle, 0, 360, number + 1, -1)
        image = np.where(ids > 0, 180, 40) + rng.normal(0, 3, ids.shape)
        cv2.imwrite(str(folder / "images" / f"{index:03}.png"), image.astype(np.uint8))
        cv2.imwrite(str(folder / "instances" / f"{index:03}.png"), ids)
    return folder
