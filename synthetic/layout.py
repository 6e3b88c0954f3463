"""Layout of a synthetic street: the positions of its objects."""

import numpy as np

from synthetic import people, scenery, vehicles
from synthetic.render import Camera, Sprite


class Layout:
    """Chooses the objects of one scene. Lateral positions are from the road's middle, metres."""

    def __init__(self, camera: Camera, rng: np.random.Generator):
        """Chooses the street; `rng` is the source of every random choice."""
        self.camera, self.rng = camera, rng
        self.half = rng.uniform(4.6, 6.0)  # of the road
        self.walk = self.half + rng.uniform(2.6, 4.5)  # outer edge of the pavement
        self.rails = bool(rng.random() < 0.5)
        self.shift = rng.uniform(-1.6, 0.6)  # the camera drives right of the middle
        self.sprites: list[Sprite] = []
        self.taken: list[tuple[float, float, float, float]] = []

    def background(self, sky: np.ndarray) -> list[Sprite]:
        """Returns sky (of a colour RGB), ground and houses, in the order of painting."""
        sprites = [scenery.sky(self.camera, sky)]
        sprites += scenery.ground(
            self.camera, self.rng, self.half, self.walk, self.rng.random() < 0.3, self.rails
        )
        end = scenery.hedge(self.camera, self.rng, 0.0, scenery.FAR, scenery.FAR + 10)
        sprites.append(end)
        for side in (-1, 1):
            sprites += scenery.houses(self.camera, self.rng, side, self.walk)
        return sprites

    def objects(self) -> list[Sprite]:
        """Returns every object between the background and the camera, unsorted."""
        if self.rng.random() < (0.75 if self.rails else 0.2):
            self._train()
        self._traffic()
        for side in (-1, 1):
            self._parked(side)
            self._two_wheelers(side)
            self._walkers(side)
            self._furniture(side)
        self._crossing()
        self._far_end()
        return self.sprites

    def _free(self, x: float, z: float, half_x: float, half_z: float) -> bool:
        """Takes a rectangle of the ground, unless part of it is taken."""
        for ox, oz, oa, ob in self.taken:
            if abs(x - ox) < half_x + oa and abs(z - oz) < half_z + ob:
                return False
        self.taken.append((x, z, half_x, half_z))
        return True

    def _heading(self, x: float) -> float:
        """Returns the direction of traffic in the lane at `x`, radians."""
        return float((0.0 if x > 0 else np.pi) + self.rng.normal(0, 0.03))

    def _train(self) -> None:
        x, z = (
            self.rng.uniform(-2.2, -1.2),
            self.rng.choice([24, 34, 55, 80]) + self.rng.uniform(0, 8),
        )
        for _ in range(self.rng.integers(2, 4)):  # coupled, and round a bend: each is seen
            if self._free(x, z, 1.5, 14.0):
                self.sprites.append(vehicles.train(self.camera, self.rng, x, z, self._heading(x)))
            x, z = x - self.rng.uniform(0.6, 1.2), z + 28.2

    def _traffic(self) -> None:
        rng = self.rng
        kinds = ["car", "truck", "bus", "motorcycle", "bicycle"]
        for _ in range(rng.integers(5, 10)):
            x = rng.choice([-1, 1]) * rng.uniform(1.0, max(self.half - 3.0, 1.5))
            z = 9 + 75 * rng.random() ** 1.6
            kind = rng.choice(kinds, p=[0.26, 0.17, 0.17, 0.2, 0.2])
            if kind in ("motorcycle", "bicycle"):
                for step in range(rng.integers(1, 4)):
                    self._ridden(x + 0.8 * step, z + rng.uniform(-0.6, 0.6), kind == "motorcycle")
                continue
            half_z = {"car": 2.6, "truck": 5.0, "bus": 6.4}[kind]
            z += half_z
            if self._free(x, z, 1.3, half_z + 0.5):
                make = getattr(vehicles, kind)
                self.sprites.append(make(self.camera, rng, x, z, self._heading(x)))
                for _ in range(rng.integers(1, 3)):  # others behind it, each seen past the last
                    z += 2 * half_z + 0.8
                    x += np.sign(x) * rng.uniform(0.2, 0.9)
                    if self._free(x, z, 1.3, half_z):
                        self.sprites.append(make(self.camera, rng, x, z, self._heading(x)))

    def _ridden(self, x: float, z: float, motor: bool, yaw: float | None = None) -> None:
        if not self._free(x, z, 0.35, 0.9):
            return
        rng, yaw = self.rng, self._heading(x) + self.rng.normal(0, 0.35) if yaw is None else yaw
        make = people.motorcycle if motor else people.bicycle
        self.sprites.append(make(self.camera, rng, x, z, yaw))
        self.sprites.append(people.rider(self.camera, rng, x, z, yaw, motor))

    def _parked(self, side: int) -> None:
        rng = self.rng
        x, z = side * (self.half - 1.0), rng.uniform(7.5, 12.0)
        if rng.random() < 0.15:
            return
        while z < 95:
            kind = rng.random()
            across = rng.normal(0, 0.04)
            yaw = float((0.0 if rng.random() < 0.6 else np.pi) + across)
            half_z = 2.5 if kind < 0.93 else 4.4
            if rng.random() < 0.8 and self._free(x, z + half_z, 1.0, half_z):
                make = vehicles.car
                if kind >= 0.93:
                    make = vehicles.truck
                elif kind >= 0.88:
                    make = vehicles.towed
                self.sprites.append(make(self.camera, rng, x, z + half_z, yaw))
            z += 2 * half_z + rng.uniform(0.2, 1.0)

    def _two_wheelers(self, side: int) -> None:
        """A row of parked bicycles or motorcycles on the pavement."""
        rng = self.rng
        for _ in range(rng.integers(1, 4)):
            motor, grouped = rng.random() < 0.4, rng.random() < 0.12
            x, z = side * (self.half + rng.uniform(0.8, 1.4)), 8 + 40 * rng.random() ** 1.5
            yaw = side * rng.uniform(0.9, 1.6) * (1 if rng.random() < 0.5 else -1)
            for _ in range(rng.integers(2, 6)):
                if self._free(x, z, 0.5, 0.2):
                    if motor:
                        sprite = people.motorcycle(self.camera, rng, x, z, yaw)
                    else:
                        sprite = people.bicycle(self.camera, rng, x, z, yaw, grouped)
                    self.sprites.append(sprite)
                z += rng.uniform(0.5, 0.9)

    def _walkers(self, side: int) -> None:
        rng = self.rng
        for _ in range(rng.integers(2, 5)):
            x = side * rng.uniform(self.half + 0.6, self.walk - 0.6)
            self._people(x, 7.5 + 50 * rng.random() ** 1.4, rng.integers(1, 5), False)
        if rng.random() < 0.3:  # a crowd, marked as one region
            x = side * rng.uniform(self.half + 0.6, self.walk - 0.6)
            self._people(x, rng.uniform(25, 60), rng.integers(5, 10), True)

    def _people(self, x: float, z: float, count: int, grouped: bool) -> None:
        rng = self.rng
        for _ in range(count):
            if self._free(x, z, 0.18, 0.18):
                self.sprites.append(people.person(self.camera, rng, x, z, grouped))
            x += rng.choice([-1, 1]) * rng.uniform(0.35, 0.6)
            z += rng.uniform(-0.3, 0.5)

    def _crossing(self) -> None:
        """People and vehicles that cross the street."""
        rng = self.rng
        for _ in range(rng.integers(0, 3)):
            x = rng.uniform(-self.half, self.half)
            self._people(x, rng.uniform(8, 26), rng.integers(1, 5), False)
        if rng.random() < 0.5:
            yaw = rng.choice([-1, 1]) * np.pi / 2
            x = rng.uniform(-3, 3)
            for _ in range(rng.integers(1, 3)):
                self._ridden(x, rng.uniform(10, 26), rng.random() < 0.4, yaw)
                x += 1.4
        if rng.random() < 0.35:
            z, x = rng.uniform(28, 60), rng.uniform(-12, -4)
            yaw = rng.choice([-1, 1]) * np.pi / 2
            kinds = [vehicles.car, vehicles.car, vehicles.truck, vehicles.bus]
            for _ in range(rng.integers(1, 4)):
                make = kinds[rng.integers(4)]
                half_x = {vehicles.car: 2.4, vehicles.truck: 4.7, vehicles.bus: 6.2}[make]
                x += half_x
                if self._free(x, z, half_x, 1.3):
                    self.sprites.append(make(self.camera, rng, x, z, yaw))
                x += half_x + 0.6

    def _far_end(self) -> None:
        """Small cars and people in the distance."""
        rng = self.rng
        for _ in range(rng.integers(4, 9)):
            x, z = rng.uniform(-self.half, self.half), rng.uniform(85, 150)
            for _ in range(rng.integers(1, 4)):
                if self._free(x, z, 1.0, 2.5):
                    yaw = self._heading(x)
                    self.sprites.append(vehicles.car(self.camera, rng, x, z, yaw))
                x += 2.1
        for _ in range(rng.integers(3, 7)):
            side = rng.choice([-1, 1])
            x = side * rng.uniform(0.3 * self.half, self.walk - 0.5)
            self._people(x, rng.uniform(55, 95), rng.integers(1, 5), False)

    def _furniture(self, side: int) -> None:
        """Poles, trees, railings and boxes along the kerb, in front of people and cars."""
        rng = self.rng
        x, z = side * (self.half + 0.3), rng.uniform(5.0, 9.0)
        while z < 90:
            place = x + side * rng.uniform(0, 0.3)
            if rng.random() < 0.2:
                self.sprites.append(scenery.tree(self.camera, rng, place + side * 0.3, z))
            else:
                self.sprites += scenery.pole(self.camera, rng, place, z)
            z += rng.uniform(2.5, 9.0)
        if rng.random() < 0.4:
            start = rng.uniform(6, 20)
            end = start + rng.uniform(6, 16)
            self.sprites.append(scenery.railing(self.camera, rng, x, start, end))
        for _ in range(rng.integers(1, 5)):
            place = side * rng.uniform(self.half + 0.8, self.walk - 0.2)
            z = rng.uniform(8, 40)
            if self._free(place, z, 0.4, 0.3):
                self.sprites.append(scenery.clutter(self.camera, rng, place, z))
