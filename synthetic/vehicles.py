"""Cars, trucks, buses and trains of the synthetic streets, made of shells."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from synthetic.people import cloth_color
from synthetic.render import Face, Pose, Sprite
from synthetic.shells import RUBBER, Shell, extrude, lights

CAR, TRUCK, BUS, CARAVAN, TRAILER, TRAIN = 26, 27, 28, 29, 30, 31

_CAR_PAINTS = (
    (205, 205, 208),
    (232, 232, 230),
    (130, 132, 136),
    (84, 87, 92),
    (38, 39, 42),
    (30, 52, 105),
    (62, 100, 150),
    (150, 28, 30),
    (110, 22, 34),
    (40, 84, 62),
    (170, 150, 110),
    (196, 160, 40),
)


def _boxes(start: float, end: float, count: int, low: float, high: float, gap=0.15):
    """Returns `count` rectangles of (u, y) side by side from `start` to `end`."""
    edges = np.linspace(start, end, count + 1)
    return [
        ((a + gap / 2, low), (a + gap / 2, high), (b - gap / 2, high), (b - gap / 2, low))
        for a, b in itertools.pairwise(edges)
    ]


def _car_shell(rng: np.random.Generator, kind: str) -> Shell:
    paint = np.array(_CAR_PAINTS[rng.integers(len(_CAR_PAINTS))]) * rng.uniform(0.85, 1.1)
    if kind == "sedan":
        profile = [
            (-2.3, 0.24),
            (-2.3, 0.96),
            (-1.7, 1.0),
            (-1.1, 1.42),
            (0.35, 1.45),
            (1.15, 0.98),
            (2.2, 0.8),
            (2.3, 0.24),
        ]
        glass = [False, False, True, False, True, False, False]
        windows = [
            ((-1.45, 0.98), (-1.02, 1.34), (-0.4, 1.36), (-0.4, 0.98)),
            ((-0.32, 0.98), (-0.32, 1.36), (0.3, 1.37), (0.88, 0.98)),
        ]
        wheels = [(-1.4, 0.33), (1.4, 0.33)]
    elif kind == "hatchback":
        profile = [
            (-2.0, 0.24),
            (-2.05, 0.86),
            (-1.7, 1.48),
            (0.3, 1.52),
            (1.05, 1.0),
            (1.9, 0.8),
            (2.0, 0.24),
        ]
        glass = [False, True, False, True, False, False]
        windows = [
            ((-1.65, 1.0), (-1.5, 1.4), (-0.7, 1.42), (-0.7, 1.0)),
            ((-0.6, 1.0), (-0.6, 1.42), (0.22, 1.43), (0.8, 1.0)),
        ]
        wheels = [(-1.25, 0.32), (1.25, 0.32)]
    else:  # van
        profile = [
            (-2.4, 0.26),
            (-2.45, 1.05),
            (-2.3, 1.92),
            (1.1, 1.95),
            (1.85, 1.12),
            (2.4, 0.9),
            (2.45, 0.26),
        ]
        glass = [False, True, False, True, False, False]
        windows = _boxes(-2.1, 0.3, 2, 1.12, 1.72) + [
            ((0.4, 1.12), (0.4, 1.75), (0.95, 1.78), (1.55, 1.12))
        ]
        wheels = [(-1.5, 0.35), (1.5, 0.35)]
    return Shell(profile, glass, windows, wheels, rng.uniform(1.7, 1.85), paint)


def car(camera, rng, x: float, z: float, yaw: float, grouped: bool = False) -> Sprite:
    """Returns a car whose middle stands at (x, z) and which looks along `yaw` (radians)."""
    shell = _car_shell(rng, str(rng.choice(["sedan", "hatchback", "van"], p=[0.4, 0.4, 0.2])))
    return _sprite(CAR, Pose(camera, x, z, yaw), [shell], grouped)


def _box_shell(rng, length, low, high, width, paint, wheels=(), start=None) -> Shell:
    rear = -length / 2 if start is None else start
    front = rear + length
    profile = [(rear, low), (rear, high), (front, high), (front, low)]
    band = low + (high - low) * rng.uniform(0.35, 0.6)
    stripe = ((rear, band), (rear, band + 0.35), (front, band + 0.35), (front, band))
    return Shell(profile, [False] * 3, (), wheels, width, paint, ((stripe, cloth_color(rng)),))


def truck(camera, rng, x: float, z: float, yaw: float) -> Sprite:
    """Returns a truck: a cab and a cargo box on wheels."""
    length, high = rng.uniform(4.2, 7.0), rng.uniform(2.8, 3.5)
    rear = -(length + 2.0) / 2
    cargo_wheels = [(rear + 0.9, 0.48), (rear + 2.0, 0.48)]
    cargo = _box_shell(
        rng, length, 0.75, high, 2.4, cloth_color(rng) * 0.6 + 90, cargo_wheels, rear
    )
    c = rear + length + 0.1
    cab_top = min(high - 0.2, rng.uniform(2.3, 2.9))
    cab = Shell(
        profile=[(c, 0.5), (c, cab_top), (c + 1.3, cab_top), (c + 1.8, 1.45), (c + 1.9, 0.45)],
        glass=[False, False, True, False],
        windows=[
            ((c + 0.5, 1.5), (c + 0.5, cab_top - 0.25), (c + 1.2, cab_top - 0.25), (c + 1.6, 1.5))
        ],
        wheels=[(c + 1.05, 0.48)],
        width=2.3,
        paint=np.array(_CAR_PAINTS[rng.integers(len(_CAR_PAINTS))]),
    )
    shells = [cab, cargo] if np.cos(yaw) > 0 else [cargo, cab]
    return _sprite(TRUCK, Pose(camera, x, z, yaw), shells)


def bus(camera, rng, x: float, z: float, yaw: float) -> Sprite:
    """Returns a bus: one long box with a row of windows, doors and a coloured skirt."""
    half, high = rng.uniform(4.8, 6.0), rng.uniform(2.9, 3.2)
    paint, skirt = cloth_color(rng) * 0.5 + 115, cloth_color(rng)
    profile = [
        (-half, 0.3),
        (-half, 1.3),
        (-half, high - 0.25),
        (-half + 0.2, high),
        (half - 0.3, high),
        (half - 0.05, high - 0.35),
        (half, 1.1),
        (half, 0.3),
    ]
    shell = Shell(
        profile=profile,
        glass=[False, True, False, False, False, True, False],
        windows=_boxes(-half + 0.4, half - 0.3, 7, 1.35, high - 0.45)
        + _boxes(half - 2.0, half - 0.7, 1, 0.4, high - 0.5),
        wheels=[(-half + 2.2, 0.48), (half - 2.6, 0.48)],
        width=2.5,
        paint=paint,
        stripes=((((-half, 0.3), (-half, 0.95), (half, 0.95), (half, 0.3)), skirt),),
    )
    return _sprite(BUS, Pose(camera, x, z, yaw), [shell])


def train(camera, rng, x: float, z: float, yaw: float) -> Sprite:
    """Returns a tram: slanted noses, two-coloured livery, joints and a pantograph."""
    half, high = rng.uniform(8.0, 13.0), rng.uniform(3.3, 3.6)
    paint = np.array((236, 226, 190)) * rng.uniform(0.75, 1.0)
    livery = np.array([(196, 34, 36), (24, 110, 70), (36, 70, 150)][rng.integers(3)])
    profile = [
        (-half + 0.3, 0.15),
        (-half, 1.2),
        (-half + 0.7, 2.7),
        (-half + 1.2, high),
        (half - 1.2, high),
        (half - 0.7, 2.7),
        (half, 1.2),
        (half - 0.3, 0.15),
    ]
    joints = [
        (((u - 0.25, 0.15), (u - 0.25, high), (u + 0.25, high), (u + 0.25, 0.15)), RUBBER + 20)
        for u in (-half / 3, half / 3)
    ]
    band = (((-half + 0.3, 0.15), (-half, 1.2), (half, 1.2), (half - 0.3, 0.15)), livery)
    trim = (
        ((-half + 1, high - 0.3), (-half + 1.2, high), (half - 1.2, high), (half - 1, high - 0.3)),
        livery,
    )
    shell = Shell(
        profile=profile,
        glass=[False, True, False, False, False, True, False],
        windows=_boxes(-half + 1.2, half - 1.2, 12, 1.4, 2.75, 0.3),
        wheels=(),
        width=2.5,
        paint=paint,
        stripes=(band, trim, *joints),
    )
    pose = Pose(camera, x, z, yaw)
    sprite = _sprite(TRAIN, pose, [shell])
    arm = pose.limb(((-1, 0, high), (0, 0, high + 0.7), (1, 0, high + 1.1)), 0.05, (60, 60, 64))
    bar = pose.limb(((1, -0.9, high + 1.1), (1, 0.9, high + 1.1)), 0.05, (60, 60, 64))
    sprite.faces = arm + bar + sprite.faces
    end = -half if np.cos(yaw) > 0 else half
    front = [(end, w, y) for w, y in ((-1.2, 0.4), (1.2, 0.4), (1.2, 1.15), (-1.2, 1.15))]
    if abs(np.cos(yaw)) > 0.25:
        sprite.faces += [Face(pose.polygon(front), livery * 0.9), *lights(pose, shell)]
    return sprite


def towed(camera, rng, x: float, z: float, yaw: float) -> Sprite:
    """Returns a parked caravan or trailer; both are void in Cityscapes."""
    caravan = rng.random() < 0.5
    low, high = (0.4, 2.4) if caravan else (0.5, rng.uniform(1.1, 2.0))
    paint = np.array((225, 222, 212)) if caravan else cloth_color(rng)
    shell = _box_shell(rng, 4.2, low, high, 2.0, paint, ((0.0, 0.34),))
    if caravan:
        shell = dataclasses.replace(shell, windows=_boxes(-1.6, 1.6, 2, 1.3, 2.0, 0.6))
    return _sprite(CARAVAN if caravan else TRAILER, Pose(camera, x, z, yaw), [shell])


def _sprite(label: int, pose: Pose, shells: Sequence[Shell], grouped: bool = False) -> Sprite:
    corners = [u for shell in shells for u, _ in shell.profile]
    length = max(corners) - min(corners)
    width = max(shell.width for shell in shells)
    nearest = min(
        pose.depth((u, w, 0)) for u in (-length / 2, length / 2) for w in (-width / 2, width / 2)
    )
    return Sprite(
        label=label,
        faces=[face for shell in shells for face in extrude(pose, shell)],
        depth=max(nearest, 1.0),
        grouped=grouped,
        texture=0.1,
        outline=0.45,
        shadow=pose.ground_shadow(length * 1.04, width * 1.1),
    )
