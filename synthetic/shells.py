"""Bodies of the vehicles of synthetic streets: extruded side profiles with panes and wheels."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from synthetic.render import Face, Pose

_GLASS = np.array((58, 72, 84))
RUBBER = np.array((26, 26, 30))
_RIM = np.array((165, 166, 170))


@dataclasses.dataclass(frozen=True)
class Shell:
    """A side profile that is extruded across the width of a vehicle.

    Attributes:
      profile: Corners (u, y) from the lower rear over the roof to the lower front, metres.
      glass: For each edge of the profile whether it is a pane.
      windows: Panes on the sides, polygons of (u, y).
      wheels: Wheels on the sides, (u, radius).
      width: Metres.
      paint: RGB of the body.
      stripes: Painted polygons on the sides, (polygon of (u, y), RGB).
    """

    profile: Sequence[tuple[float, float]]
    glass: Sequence[bool]
    windows: Sequence[Sequence[tuple[float, float]]]
    wheels: Sequence[tuple[float, float]]
    width: float
    paint: np.ndarray
    stripes: Sequence[tuple[Sequence[tuple[float, float]], np.ndarray]] = ()


def extrude(pose: Pose, shell: Shell) -> list[Face]:
    """Returns the faces of a shell that the camera sees, far ones first."""
    half = shell.width / 2
    eye = np.array((0.0, pose.camera.eye, 0.0))
    rightward = np.array((np.cos(pose.yaw), 0.0, -np.sin(pose.yaw)))
    toward = eye - np.array((pose.x, pose.camera.eye, pose.z))
    near = half if rightward @ toward > 0 else -half
    side_seen = abs(rightward @ toward) > half

    faces = [pose.disc((u, -near * 0.9, r), r, RUBBER, 0.2) for u, r in shell.wheels]
    faces += [pose.disc((u, near * 0.9, r), r, RUBBER, 0.2) for u, r in shell.wheels]
    strips = []
    for index, (p, q) in enumerate(zip(shell.profile[:-1], shell.profile[1:], strict=True)):
        corners = [(p[0], -half, p[1]), (p[0], half, p[1]), (q[0], half, q[1]), (q[0], -half, q[1])]
        world = pose.world(corners)
        normal = np.cross(world[2] - world[1], world[1] - world[0])
        middle = world.mean(0)
        if normal @ (eye - middle) > 0:
            strips.append((middle[2], index, corners, normal / np.linalg.norm(normal)))
    for _, index, corners, normal in sorted(strips, key=lambda strip: -strip[0]):
        light = 0.86 + 0.22 * normal[1] - 0.1 * normal[0]
        faces.append(Face(pose.polygon(corners), shell.paint * light))
        if shell.glass[index]:
            faces.append(Face(pose.polygon(_inset(corners, 0.1)), _GLASS * (0.9 + normal[1])))
    if side_seen:
        faces += _side(pose, shell, near)
    return faces + lights(pose, shell)


def _side(pose: Pose, shell: Shell, w: float) -> list[Face]:
    def flat(polygon):
        return pose.polygon([(u, w, y) for u, y in polygon])

    faces = [Face(flat(shell.profile), shell.paint * 0.9)]
    faces += [Face(flat(polygon), color) for polygon, color in shell.stripes]
    faces += [Face(flat(window), _GLASS) for window in shell.windows]
    for u, radius in shell.wheels:
        faces.append(pose.disc((u, w, radius), radius * 1.12, RUBBER * 0.6))
        faces.append(pose.disc((u, w, radius), radius, RUBBER))
        faces.append(pose.disc((u, w, radius), radius * 0.6, _RIM))
    return faces


def lights(pose: Pose, shell: Shell) -> list[Face]:
    """Returns lamps and the plate on the end of the vehicle that the camera sees."""
    front = np.cos(pose.yaw) < 0
    if abs(np.cos(pose.yaw)) < 0.25:
        return []
    u = shell.profile[-1][0] + 0.01 if front else shell.profile[0][0] - 0.01
    top = shell.profile[-2][1] if front else shell.profile[1][1]
    half, y = shell.width / 2, min(top * 0.82, 1.0)
    color = (250, 246, 220) if front else (190, 20, 22)
    lamp = [((a, y - 0.07), (b, y + 0.07)) for a, b in ((0.62, 0.95), (-0.95, -0.62))]
    plate = (((-0.28), y - 0.27), (0.28, y - 0.15))
    faces = []
    for (a, y0), (b, y1) in [*lamp, plate]:
        corners = [(u, a * half, y0), (u, b * half, y0), (u, b * half, y1), (u, a * half, y1)]
        faces.append(Face(pose.polygon(corners), color))
        color = color if len(faces) < 2 else (225, 225, 215)
    return faces


def _inset(corners, share: float) -> np.ndarray:
    corners = np.asarray(corners, np.float64)
    return corners + (corners.mean(0) - corners) * 2 * share
