"""Everything in a synthetic street that is no instance: ground, houses, trees, poles."""

import itertools

import numpy as np

from synthetic.people import cloth_color
from synthetic.render import Camera, Face, Pose, Sprite

(
    ROAD, SIDEWALK, PARKING, RAIL_TRACK, BUILDING, WALL, FENCE, POLE, TRAFFIC_LIGHT,
    TRAFFIC_SIGN, VEGETATION, TERRAIN, SKY, STATIC, DYNAMIC,
) = (7, 8, 9, 10, 11, 12, 13, 17, 19, 20, 21, 22, 23, 4, 5)  # fmt: skip

FAR = 240.0
"""Depth at which the street ends, metres."""

_WALLS = (
    (196, 182, 160), (170, 150, 130), (150, 96, 78), (205, 200, 190), (120, 118, 120),
    (180, 160, 120), (140, 150, 158), (120, 74, 62), (210, 190, 150), (96, 100, 104),
)  # fmt: skip


def sky(camera: Camera, color: np.ndarray) -> Sprite:
    """Returns the sky over the whole picture, brighter towards the horizon."""
    rows = np.linspace(0, camera.horizon + 2, 12)
    faces = []
    for index, (top, bottom) in enumerate(itertools.pairwise(rows)):
        faces.append(Face(_rectangle(-1, top, camera.width, bottom), color * (0.82 + 0.02 * index)))
    return Sprite(SKY, faces, 1.0, texture=0.06, outline=0)


def ground(camera: Camera, rng, half: float, walk: float, parking: bool, rails: bool):
    """Returns the ground: pavements from `half` to `walk` metres from the middle, road, lanes."""
    grey = rng.uniform(80, 125)
    road = np.array((1.0, 1.0, rng.uniform(0.97, 1.06))) * grey
    pave = np.array((1.02, 1.0, 0.97)) * grey * rng.uniform(1.1, 1.45)
    base = _rectangle(-1, camera.horizon, camera.width, camera.height + 1)
    green = rng.random() < 0.2
    yield Sprite(
        TERRAIN if green else SIDEWALK,
        [Face(base, (96, 110, 62) if green else pave * 0.95)],
        8.0, texture=0.2, outline=0,
    )  # fmt: skip
    joints = [Face(_strip(camera, -walk, walk), pave)]
    joints += [_cross(camera, -walk, walk, z, 0.05, pave * 0.85) for z in np.arange(4, 30, 1.5)]
    yield Sprite(SIDEWALK, joints, 8.0, texture=0.15, outline=0)
    curb = [Face(_strip(camera, -half - 0.15, half + 0.15), pave * 1.15)]
    yield Sprite(SIDEWALK, curb, 8.0, texture=0.1, outline=0)
    yield Sprite(ROAD, [Face(_strip(camera, -half, half), road)], 8.0, texture=0.2, outline=0)
    if parking:
        side = int(rng.choice([-1, 1]))
        bay = _strip(camera, *sorted((side * half, side * (half - 2.1))))
        yield Sprite(PARKING, [Face(bay, road * 1.12)], 8.0, texture=0.2, outline=0)
    marks = []
    for x in (-half + 2.3, 0.0, half - 2.3):
        step = 0.5 if x else 6.0
        for z in np.arange(3.0, 90.0, max(step, 3.0)):
            marks.append(Face(_strip(camera, x - 0.07, x + 0.07, z, z + 3.0), (215, 215, 208)))
    if rng.random() < 0.4:
        z = rng.uniform(9, 22)
        marks += [
            Face(_strip(camera, x, x + 0.45, z, z + 2.6), (222, 222, 216))
            for x in np.arange(-half + 0.3, half - 0.5, 0.9)
        ]
    yield Sprite(ROAD, marks, 8.0, texture=0.2, outline=0)
    if rails:
        middle = rng.uniform(-1.0, 0.4)
        bed = [Face(_strip(camera, middle - 1.1, middle + 1.1), road * 0.88)]
        for x in (middle - 0.72, middle + 0.72):
            bed.append(Face(_strip(camera, x - 0.06, x + 0.06), (176, 176, 182)))
        yield Sprite(RAIL_TRACK, bed, 8.0, texture=0.2, outline=0)


def houses(camera: Camera, rng, side: int, x: float):
    """Returns the houses, walls and hedges along one side (-1 or 1), far ones first."""
    pieces, z = [], 2.0
    while z < FAR:
        length = rng.uniform(9, 24)
        pieces.append((z, min(z + length, FAR), rng.random()))
        z += length + (rng.uniform(2, 6) if rng.random() < 0.25 else 0)
    for start, end, kind in reversed(pieces):
        if kind < 0.1:
            yield _wall(camera, rng, side * x, start, end)
        elif kind < 0.22:
            yield hedge(camera, rng, side * x, start, end)
        else:
            yield _house(camera, rng, side * x, start, end)


def _house(camera: Camera, rng, x: float, start: float, end: float) -> Sprite:
    high = rng.uniform(7, 19)
    color = np.array(_WALLS[rng.integers(len(_WALLS))]) * rng.uniform(0.75, 1.05)
    pose = Pose(camera, x, 0.0, 0.0)

    def panel(z0, z1, y0, y1, rgb, opacity=1.0):
        return Face(
            pose.polygon([(z0, 0, y0), (z1, 0, y0), (z1, 0, y1), (z0, 0, y1)]), rgb, opacity
        )

    depth = (end - start) * 0.5
    gable = pose.polygon(
        [(start, 0, 0), (start, np.sign(x) * depth, 0), (start, np.sign(x) * depth, high),
         (start, 0, high)]
    )  # fmt: skip
    faces = [Face(gable, color * 0.8), panel(start, end, 0, high, color)]
    faces.append(panel(start, end, high - 0.4, high, color * 0.7))
    if start > 110:
        return Sprite(BUILDING, faces, start + 8, texture=0.12, outline=0.1)
    base = cloth_color(rng) * 0.6 + 40
    faces.append(panel(start, end, 0, 3.3, base))
    glass = np.array((70, 84, 96)) * rng.uniform(0.7, 1.5)
    columns = np.arange(start + 0.6, end - 1.8, rng.uniform(2.2, 3.2))
    for z in columns:
        lit = glass * rng.uniform(0.8, 1.25)
        for y in np.arange(4.3, high - 2.0, 3.1):
            faces.append(panel(z - 0.12, z + 1.32, y - 0.12, y + 1.72, color * 1.2))
            faces.append(panel(z, z + 1.2, y, y + 1.6, lit))
        shop = rng.random()
        if shop < 0.55:  # a shop window with goods
            faces.append(panel(z - 0.3, z + 1.5, 0.5, 2.6, lit * 0.9))
            for _ in range(4):
                a, y = z + rng.uniform(-0.2, 1.0), rng.uniform(0.5, 1.6)
                faces.append(panel(a, a + 0.4, y, y + rng.uniform(0.4, 0.9), cloth_color(rng)))
        elif shop < 0.75:  # a door or a poster
            faces.append(panel(z, z + 1.0, 0.0, 2.2, cloth_color(rng) * 0.8))
    if rng.random() < 0.5:  # an awning
        a = rng.uniform(start, end - 3)
        faces.append(panel(a, a + rng.uniform(3, 7), 2.6, 3.2, cloth_color(rng)))
    return Sprite(BUILDING, faces, start + 8, texture=0.12, outline=0.1)


def _wall(camera: Camera, rng, x: float, start: float, end: float) -> Sprite:
    pose = Pose(camera, x, 0.0, 0.0)
    high = rng.uniform(1.8, 3.2)
    color = np.array(_WALLS[rng.integers(len(_WALLS))]) * 0.8
    corners = [(start, 0, 0), (end, 0, 0), (end, 0, high), (start, 0, high)]
    faces = [Face(pose.polygon(corners), color)]
    for z in np.arange(start, end - 1.5, 2.0):  # posters
        if rng.random() < 0.4:
            panel = [(z, 0, 0.5), (z + 1.2, 0, 0.5), (z + 1.2, 0, 1.7), (z, 0, 1.7)]
            faces.append(Face(pose.polygon(panel), cloth_color(rng)))
    return Sprite(WALL, faces, start + 4, texture=0.25, outline=0.1)


def hedge(camera: Camera, rng, x: float, start: float, end: float) -> Sprite:
    """Returns bushes and trees in a row between two depths."""
    high = rng.uniform(2.0, 7.0)
    balls = []
    for z in np.linspace(end, start, 24):
        balls += [(x, rng.uniform(0.1, 0.4) * high, z, 0.3 * high)]
        balls += [
            (x, rng.uniform(0.2, 1.0) * high, z, rng.uniform(0.1, 0.22) * high) for _ in range(4)
        ]
    return Sprite(VEGETATION, _leaves(camera, rng, balls), start + 5, texture=0.5, outline=0.3)


def tree(camera: Camera, rng, x: float, z: float) -> Sprite:
    """Returns a tree: a trunk and a crown of leaf balls."""
    pose = Pose(camera, x, z, 0.0)
    trunk, radius = rng.uniform(2.2, 3.4), rng.uniform(0.1, 0.22)
    bark = np.array((92, 76, 60)) * rng.uniform(0.6, 1.2)
    faces = pose.limb(((0, 0, 0), (0, 0, trunk + 1.5)), radius, bark)
    size = rng.uniform(1.2, 2.2)
    balls = [
        (x + rng.normal(0, 0.45) * size, trunk + size + rng.normal(0, 0.4) * size, z,
         size * rng.uniform(0.12, 0.36))
        for _ in range(90)
    ]  # fmt: skip
    faces += _leaves(camera, rng, balls)
    return Sprite(VEGETATION, faces, z, texture=0.5, outline=0.3)


def _leaves(camera: Camera, rng, balls) -> list[Face]:
    green = np.array((74, 98, 44)) * rng.uniform(0.6, 1.25) + rng.uniform(-12, 12, 3)
    faces = []
    for x, y, z, radius in balls:
        pose = Pose(camera, x, z, 0.0)
        color = green * rng.uniform(0.6, 1.35)
        faces.append(pose.hull([((0, 0, y), radius), ((0, radius * 0.6, y), radius * 0.6)], color))
    return faces


def pole(camera: Camera, rng, x: float, z: float) -> list[Sprite]:
    """Returns a lamp post, a sign or a traffic light on a pole, or a bollard, front part last."""
    pose = Pose(camera, x, z, 0.0)
    color = np.array((1, 1, 1.02)) * rng.uniform(50, 165)
    kind = rng.random()
    high = 7.5 if kind < 0.35 else 3.3 if kind < 0.85 else 1.0
    radius = rng.uniform(0.05, 0.085) if kind < 0.85 else 0.07
    faces = pose.limb(((0, 0, 0), (0, 0, high)), radius, color)
    if kind < 0.35:
        faces += pose.limb(((0, 0, high), (0, -np.sign(x) * 1.8, high + 0.2)), radius * 0.8, color)
    sprites = [Sprite(POLE, faces, z, texture=0.1, outline=0.2)]
    if 0.35 <= kind < 0.65:
        sprites.append(_sign(pose, rng, high))
    elif 0.65 <= kind < 0.85:
        box = [((0, s * 0.08, y), 0.09) for s in (-1, 1) for y in (high - 0.8, high)]
        lamps = [pose.hull(box, (30, 32, 32))]
        lit = rng.integers(3)
        for index, rgb in enumerate(((230, 30, 20), (240, 180, 20), (20, 210, 90))):
            color = np.array(rgb) * (1.0 if index == lit else 0.3)
            lamps.append(pose.hull([((0, 0, high - 0.3 * index - 0.1), 0.09)], color))
        sprites.append(Sprite(TRAFFIC_LIGHT, lamps, z, texture=0.05, outline=0.2))
    return sprites


def _sign(pose: Pose, rng, high: float) -> Sprite:
    center = (0, 0, high - 0.25)
    if rng.random() < 0.6:
        faces = [
            pose.hull([(center, 0.33)], (200, 24, 28)),
            pose.hull([(center, 0.24)], (240,) * 3),
        ]
    else:
        corners = [((0, s * 0.35, high - t), 0.03) for s in (-1, 1) for t in (0.0, 0.7)]
        faces = [pose.hull(corners, cloth_color(rng)), pose.hull([(center, 0.15)], (235,) * 3)]
    return Sprite(TRAFFIC_SIGN, faces, pose.z, texture=0.05, outline=0.15)


def railing(camera: Camera, rng, x: float, start: float, end: float) -> Sprite:
    """Returns a railing of thin bars along the street."""
    pose = Pose(camera, x, 0.0, 0.0)
    color = np.array((1, 1, 1)) * rng.uniform(50, 180)
    faces = []
    for y in (0.35, 1.02):
        faces += pose.limb([(z, 0, y) for z in np.linspace(start, end, 4)], 0.03, color)
    for z in np.arange(start, end, rng.uniform(1.3, 2.2)):
        faces += pose.limb(((z, 0, 0), (z, 0, 1.02)), 0.03, color * 0.9)
    return Sprite(FENCE, faces, start, texture=0.1, outline=0.1)


def clutter(camera: Camera, rng, x: float, z: float) -> Sprite:
    """Returns a bin, box or kiosk in the colours of clothes and cars; void in Cityscapes."""
    pose = Pose(camera, x, z, 0.0)
    wide, high = rng.uniform(0.25, 0.7), rng.uniform(0.7, 1.9)
    corners = [((0, s * wide / 2, y), 0.05) for s in (-1, 1) for y in (0.06, high)]
    color = cloth_color(rng)
    faces = [pose.hull(corners, color)]
    panel = [(0, s * wide * 0.35, y) for s, y in ((-1, 0.3), (1, 0.3), (1, 0.8), (-1, 0.8))]
    faces.append(Face(pose.polygon(panel) * (1, 1), cloth_color(rng)))
    label = DYNAMIC if rng.random() < 0.4 else STATIC
    return Sprite(label, faces, z, shadow=pose.ground_shadow(0.8, wide * 1.4))


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


def _strip(camera: Camera, x0: float, x1: float, z0: float = 1.0, z1: float = FAR) -> np.ndarray:
    """Returns the part of the ground between two x and two depths, in pixels."""
    return camera.project(np.array([(x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1)]))


def _cross(camera: Camera, x0: float, x1: float, z: float, thick: float, color) -> Face:
    return Face(_strip(camera, x0, x1, z, z + thick), color)
