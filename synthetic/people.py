"""People and two-wheelers of the synthetic streets: skeletons of rounded bars."""

import colorsys
import dataclasses

import numpy as np

from synthetic.render import Camera, Face, Pose, Sprite

PERSON, RIDER, MOTORCYCLE, BICYCLE = 24, 25, 32, 33

_RUBBER = (28, 28, 32)
_STEEL = (150, 152, 158)


def cloth_color(rng: np.random.Generator) -> np.ndarray:
    """Returns a random colour of clothes or paint, float64 [3], 0..255."""
    value = rng.choice([0.2, 0.4, 0.65, 0.9], p=[0.25, 0.25, 0.3, 0.2])
    saturation = rng.choice([0.08, 0.35, 0.7], p=[0.35, 0.3, 0.35])
    return 255 * np.array(colorsys.hsv_to_rgb(rng.random(), saturation, value))


def _skin(rng: np.random.Generator) -> np.ndarray:
    return np.array((224, 178, 150)) * rng.uniform(0.4, 1.0)


@dataclasses.dataclass(frozen=True)
class _Clothes:
    top: np.ndarray
    trousers: np.ndarray
    skin: np.ndarray
    hair: np.ndarray
    shoes: np.ndarray


def _clothes(rng: np.random.Generator) -> _Clothes:
    return _Clothes(
        top=cloth_color(rng),
        trousers=cloth_color(rng) * 0.75,
        skin=_skin(rng),
        hair=np.array((70, 50, 34)) * rng.uniform(0.3, 2.4),
        shoes=np.array((60, 55, 55)) * rng.uniform(0.4, 3.0),
    )


def person(
    camera: Camera, rng: np.random.Generator, x: float, z: float, grouped: bool = False
) -> Sprite:
    """Returns a walking or standing person at (x, z)."""
    tall = rng.uniform(1.58, 1.9) if rng.random() > 0.15 else rng.uniform(1.1, 1.45)
    pose = Pose(camera, x, z, rng.uniform(0, 2 * np.pi))
    wear = _clothes(rng)
    stride = rng.uniform(0.02, 0.32) * tall
    bulk = rng.uniform(0.9, 1.25)
    hip, shoulder = 0.5 * tall, 0.81 * tall

    def leg(side: int) -> list[Face]:
        reach = stride * side * 0.5
        top = (0.0, 0.055 * tall * side, hip)
        knee = (reach * 0.55 + 0.03, 0.06 * tall * side, 0.27 * tall)
        foot = (reach, 0.06 * tall * side, 0.035 * tall)
        toe = (reach + 0.08 * tall, 0.06 * tall * side, 0.02 * tall)
        faces = [
            pose.hull([(top, 0.058 * tall * bulk), (knee, 0.04 * tall)], wear.trousers),
            pose.hull([(knee, 0.04 * tall), (foot, 0.03 * tall)], wear.trousers * 0.93),
        ]
        return faces + [pose.hull([(foot, 0.025 * tall), (toe, 0.02 * tall)], wear.shoes)]

    def arm(side: int) -> list[Face]:
        reach = -stride * side * 0.4
        top = (0.0, 0.125 * tall * side, shoulder - 0.02)
        elbow = (reach * 0.5, 0.15 * tall * side, 0.62 * tall)
        hand = (reach + 0.05, 0.14 * tall * side, 0.47 * tall)
        sleeve = pose.limb((top, elbow, hand), 0.033 * tall, wear.top * 0.82)
        return sleeve + [pose.hull([(hand, 0.028 * tall)], wear.skin)]

    torso = [
        ((0, -0.105 * tall * bulk, shoulder - 0.03), 0.04 * tall),
        ((0, 0.105 * tall * bulk, shoulder - 0.03), 0.04 * tall),
        ((0, -0.06 * tall * bulk, hip), 0.05 * tall * bulk),
        ((0, 0.06 * tall * bulk, hip), 0.05 * tall * bulk),
    ]
    if rng.random() < 0.3:  # a coat or skirt
        hem = rng.uniform(0.26, 0.4) * tall
        torso += [((0, s * 0.085 * tall, hem), 0.05 * tall) for s in (-1, 1)]
    near = 1 if pose.depth((0, 1, 1)) < pose.depth((0, -1, 1)) else -1
    faces = arm(-near) + leg(-near) + leg(near) + [pose.hull(torso, wear.top)]
    if rng.random() < 0.35:  # a bag
        bag = (-0.1 * tall, 0.04, 0.66 * tall)
        faces.append(pose.hull([(bag, 0.085 * tall)], cloth_color(rng)))
    return Sprite(
        label=PERSON,
        faces=faces + arm(near) + _head(pose, (0.01, 0, 0.925 * tall), tall, wear),
        depth=z,
        grouped=grouped,
        shadow=pose.ground_shadow(0.75, 0.6),
    )


def _head(pose: Pose, center: tuple[float, float, float], tall: float, wear) -> list[Face]:
    u, w, y = center
    neck = pose.hull([((u, w, y - 0.09 * tall), 0.03 * tall), (center, 0.03 * tall)], wear.skin)
    face = pose.hull([((u, w, y - 0.015), 0.052 * tall), ((u, w, y), 0.055 * tall)], wear.skin)
    hair = pose.hull(
        [((u - 0.02, w, y + 0.015 * tall), 0.055 * tall), ((u - 0.03, w, y), 0.05 * tall)],
        wear.hair,
    )
    return [neck, hair, face] if np.cos(pose.yaw) < -0.2 else [neck, face, hair]


def _wheel(pose: Pose, u: float, radius: float, thick: float) -> list[Face]:
    """Returns a tyre, spokes with the street shining through, and a hub."""
    center = (u, 0.0, radius)
    return [
        pose.disc(center, radius, _RUBBER, thick),
        pose.disc(center, radius * 0.84, (120, 120, 122), thick * 0.3, opacity=0.4),
        pose.disc(center, radius * 0.14, _STEEL, thick * 1.5),
    ]


def bicycle(
    camera: Camera,
    rng: np.random.Generator,
    x: float,
    z: float,
    yaw: float,
    grouped: bool = False,
) -> Sprite:
    """Returns a bicycle at (x, z) that looks along `yaw` (radians)."""
    pose = Pose(camera, x, z, yaw)
    paint = cloth_color(rng)
    crank, seat, head = (-0.05, 0, 0.3), (-0.2, 0, 0.82), (0.36, 0, 0.82)
    rear, front = (-0.52, 0, 0.34), (0.52, 0, 0.34)
    faces = _wheel(pose, -0.52, 0.34, 0.06) + _wheel(pose, 0.52, 0.34, 0.06)
    for chain in ((rear, crank, head, seat, crank), (rear, seat), (front, head)):
        faces += pose.limb(chain, 0.028, paint)
    bar = ((0.36, 0, 0.8), (0.4, 0, 0.98))
    grip = ((0.36, -0.26, 1.0), (0.42, 0, 1.0), (0.36, 0.26, 1.0))
    faces += pose.limb(bar, 0.022, _STEEL) + pose.limb(grip, 0.025, _RUBBER)
    faces += [pose.hull([((-0.32, 0, 0.92), 0.06), ((-0.08, 0, 0.92), 0.035)], (40, 32, 28))]
    if rng.random() < 0.4:  # a basket or a box on the carrier
        u = rng.choice([-0.5, 0.5])
        corners = [
            ((u + a, b, y), 0.02)
            for a in (-0.15, 0.15)
            for b in (-0.15, 0.15)
            for y in (0.75, 0.95)
        ]
        faces.append(pose.hull(corners, cloth_color(rng)))
    return Sprite(BICYCLE, faces, z, grouped, 0.15, 0.25, pose.ground_shadow(1.7, 0.5))


def motorcycle(camera: Camera, rng: np.random.Generator, x: float, z: float, yaw: float) -> Sprite:
    """Returns a motorcycle or scooter at (x, z) that looks along `yaw` (radians)."""
    pose = Pose(camera, x, z, yaw)
    paint = cloth_color(rng)
    faces = []
    for u in (-0.68, 0.7):
        faces += [
            pose.disc((u, 0, 0.31), 0.31, _RUBBER, 0.14),
            pose.disc((u, 0, 0.31), 0.17, _STEEL, 0.06),
        ]
    faces += pose.limb(((0.7, 0, 0.31), (0.44, 0, 1.0)), 0.055, _STEEL)
    engine = [((-0.25, w, y), 0.12) for w in (-0.1, 0.1) for y in (0.32, 0.55)]
    engine += [((0.25, w, 0.38), 0.12) for w in (-0.1, 0.1)]
    faces.append(pose.hull(engine, (70, 70, 74)))
    faces += pose.limb(((-0.75, 0.16, 0.4), (0.05, 0.16, 0.28)), 0.055, (190, 190, 196))
    tank = [((0.32, 0, 0.86), 0.14), ((-0.1, 0, 0.74), 0.13), ((-0.78, 0, 0.78), 0.09)]
    faces.append(pose.hull(tank, paint))
    faces.append(pose.hull([((-0.1, 0, 0.84), 0.07), ((-0.72, 0, 0.89), 0.06)], (34, 30, 30)))
    faces.append(pose.hull([((0.55, 0, 0.92), 0.15), ((0.42, 0, 1.1), 0.08)], paint * 0.85))
    grip = ((0.25, -0.36, 1.1), (0.4, 0, 1.06), (0.25, 0.36, 1.1))
    faces += pose.limb(grip, 0.035, _RUBBER)
    light = (0.66, 0, 0.92) if np.cos(yaw) < 0 else (-0.86, 0, 0.78)
    glow = (250, 246, 214) if np.cos(yaw) < 0 else (200, 24, 20)
    faces.append(pose.hull([(light, 0.07)], glow))
    return Sprite(MOTORCYCLE, faces, z, False, 0.15, 0.3, pose.ground_shadow(2.0, 0.7))


def rider(
    camera: Camera, rng: np.random.Generator, x: float, z: float, yaw: float, motor: bool
) -> Sprite:
    """Returns the rider of the bicycle or motorcycle (`motor`) that stands at (x, z)."""
    pose = Pose(camera, x, z, yaw)
    wear = _clothes(rng)
    hip = (-0.28, 0, 0.98) if motor else (-0.2, 0, 1.0)
    lean = rng.uniform(0.12, 0.38)
    neck = (hip[0] + lean, 0, hip[2] + 0.5)
    grip = (0.25, 1.1) if motor else (0.36, 1.02)
    turn = rng.uniform(0, 2 * np.pi)

    def limbs(side: int) -> list[Face]:
        crank = turn + (np.pi if side > 0 else 0)
        foot = (0.12, 0.2 * side, 0.34)
        if not motor:
            foot = (-0.05 + 0.17 * np.cos(crank), 0.1 * side, 0.3 + 0.17 * np.sin(crank))
        knee = (foot[0] + 0.2, 0.15 * side, (foot[2] + hip[2]) / 2 + 0.1)
        top = (hip[0], 0.1 * side, hip[2])
        leg = pose.limb((top, knee), 0.09, wear.trousers)
        leg += pose.limb((knee, foot), 0.062, wear.trousers * 0.92)
        toe = (foot[0] + 0.12, foot[1], foot[2] - 0.03)
        leg += pose.limb((foot, toe), 0.045, wear.shoes)
        shoulder = (neck[0], 0.19 * side, neck[2] - 0.04)
        elbow = ((neck[0] + grip[0]) / 2 - 0.02, 0.26 * side, (neck[2] + grip[1]) / 2 - 0.08)
        hand = (grip[0], 0.27 * side, grip[1])
        return leg + pose.limb((shoulder, elbow, hand), 0.058, wear.top * 0.82)

    near = 1 if pose.depth((0, 1, 1)) < pose.depth((0, -1, 1)) else -1
    torso = [(hip, 0.15), ((hip[0], 0.08, hip[2]), 0.1), ((hip[0], -0.08, hip[2]), 0.1)]
    torso += [((neck[0], s * 0.17, neck[2] - 0.05), 0.075) for s in (-1, 1)]
    faces = limbs(-near) + [pose.hull(torso, wear.top)] + limbs(near)
    head = (neck[0] + 0.06, 0, neck[2] + 0.2)
    faces += _head(pose, head, 1.75, wear)
    if motor or rng.random() < 0.4:
        helmet = cloth_color(rng)
        faces.append(pose.hull([((head[0] - 0.03, 0, head[2] + 0.04), 0.135)], helmet))
    return Sprite(RIDER, faces, z - 0.05)
