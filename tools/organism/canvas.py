"""A pinhole camera and the few shaded primitives that every scene is drawn with.

World coordinates are metres: x to the right, y up from the ground, z away from the camera. Everything is
drawn with Pillow on a supersampled canvas with a margin, so that a slow camera pan is a shift of the crop.
Drawing is independent of the resolution: every length is a world length, scaled by the projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[float, float, float]
Point = tuple[float, float, float]
Pixel = tuple[float, float]
Box = tuple[float, float, float, float]

MARGIN = 0.08  # of the frame's width, on every side: room for the pan
NEAR = 0.3


def shade(colour: Colour, factor: float) -> Colour:
    """The colour, darker (factor < 1) or mixed towards white (factor > 1)."""
    if factor <= 1:
        return (colour[0] * factor, colour[1] * factor, colour[2] * factor)
    t = factor - 1
    return (
        colour[0] + (255 - colour[0]) * t,
        colour[1] + (255 - colour[1]) * t,
        colour[2] + (255 - colour[2]) * t,
    )


def union(boxes: Iterable[Box | None]) -> Box | None:
    """The smallest box around all boxes that exist."""
    real = [box for box in boxes if box is not None]
    if not real:
        return None
    return (
        min(b[0] for b in real),
        min(b[1] for b in real),
        max(b[2] for b in real),
        max(b[3] for b in real),
    )


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from: eye in metres, pitch (down) in radians, focal in widths."""

    eye: Point
    pitch: float
    focal: float

    def view(self, point: Point) -> Point:
        """World to camera coordinates (right, up, depth)."""
        x, y, z = point[0] - self.eye[0], point[1] - self.eye[1], point[2] - self.eye[2]
        c, s = cos(self.pitch), sin(self.pitch)
        return (x, y * c + z * s, z * c - y * s)


class Canvas:
    """One supersampled picture being painted. `width` is the frame's width in supersampled pixels."""

    def __init__(self, width: int, camera: Camera, light: float, image: Image.Image | None = None) -> None:
        self.width, self.camera, self.light = width, camera, light
        self.margin = round(width * MARGIN)
        side = width + 2 * self.margin
        self.image = Image.new("RGB", (side, side)) if image is None else image
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def over(self) -> Canvas:
        """A copy to draw the moving things of one frame on."""
        return Canvas(self.width, self.camera, self.light, self.image.copy())

    def _pixel(self, view: Point) -> Pixel:
        scale = self.width * self.camera.focal / max(view[2], NEAR)
        centre = self.margin + self.width / 2
        return (centre + view[0] * scale, centre - view[1] * scale)

    def project(self, point: Point) -> Pixel:
        """World point to canvas pixel."""
        return self._pixel(self.camera.view(point))

    def scale(self, point: Point) -> float:
        """Pixels to the metre at a point."""
        return self.width * self.camera.focal / max(self.camera.view(point)[2], NEAR)

    @staticmethod
    def _ink(colour: Colour, alpha: float = 1.0) -> tuple[int, int, int, int]:
        r, g, b = (int(min(max(v, 0), 255)) for v in colour)
        return (r, g, b, int(255 * alpha))

    def flat(self, pixels: Sequence[Pixel], colour: Colour, alpha: float = 1.0) -> Box:
        """A filled polygon in canvas pixels."""
        self.draw.polygon(list(pixels), fill=self._ink(colour, alpha))
        xs, ys = [p[0] for p in pixels], [p[1] for p in pixels]
        return (min(xs), min(ys), max(xs), max(ys))

    def poly(self, points: Sequence[Point], colour: Colour, alpha: float = 1.0) -> Box | None:
        """A filled polygon in the world, clipped at the near plane."""
        views = [self.camera.view(p) for p in points]
        kept: list[Point] = []
        for a, b in zip(views, views[1:] + views[:1], strict=True):
            if a[2] >= NEAR:
                kept.append(a)
            if (a[2] >= NEAR) != (b[2] >= NEAR):
                t = (NEAR - a[2]) / (b[2] - a[2])
                kept.append((a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), NEAR))
        return self.flat([self._pixel(v) for v in kept], colour, alpha) if len(kept) > 2 else None

    def line(self, a: Point, b: Point, width: float, colour: Colour, alpha: float = 1.0) -> Box:
        """A straight stroke; width in metres at its nearer end's depth."""
        p, q = self.project(a), self.project(b)
        stroke = max(1, round(width * max(self.scale(a), self.scale(b))))
        self.draw.line([p, q], fill=self._ink(colour, alpha), width=stroke)
        half = stroke / 2
        left, right = min(p[0], q[0]), max(p[0], q[0])
        return (left - half, min(p[1], q[1]) - half, right + half, max(p[1], q[1]) + half)

    def disc(self, centre: Point, radius: float, colour: Colour, alpha: float = 1.0) -> Box:
        """A disc that faces the camera."""
        (x, y), r = self.project(centre), radius * self.scale(centre)
        self.draw.ellipse((x - r, y - r, x + r, y + r), fill=self._ink(colour, alpha))
        return (x - r, y - r, x + r, y + r)

    def ring(
        self, centre: Point, u: Point, v: Point, colour: Colour, alpha: float = 1.0, n: int = 20
    ) -> Box | None:
        """A filled ellipse in the world, spanned by the half-axes u and v."""
        points = []
        for i in range(n):
            c, s = cos(2 * pi * i / n), sin(2 * pi * i / n)
            points.append(tuple(centre[k] + c * u[k] + s * v[k] for k in range(3)))
        return self.poly(points, colour, alpha)  # type: ignore[arg-type]

    def shadow(self, x: float, z: float, rx: float, rz: float, strength: float = 0.4, y: float = 0.0) -> None:
        """A soft shadow lying on a level surface: nested translucent ellipses, thrown away from the light."""
        for k in range(4):
            grow = 0.55 + 0.2 * k
            self.ring(
                (x - self.light * 0.35 * rx, y, z),
                (rx * grow, 0, 0),
                (0, 0, rz * grow),
                (0, 0, 0),
                strength / 3.2,
                16,
            )

    def ball(self, centre: Point, radius: float, colour: Colour, shiny: float = 0.4) -> Box:
        """A shaded sphere."""
        box = self.disc(centre, radius, shade(colour, 0.5))
        for k in range(1, 5):
            off = 0.11 * k * radius
            spot = (centre[0] + self.light * off, centre[1] + off, centre[2])
            self.disc(spot, radius * (1 - 0.2 * k + 0.06), shade(colour, 0.5 + 0.16 * k))
        if shiny:
            glint = (centre[0] + self.light * 0.4 * radius, centre[1] + 0.42 * radius, centre[2])
            self.disc(glint, 0.2 * radius, (255, 255, 255), shiny)
        return box

    def limb(self, a: Point, b: Point, ra: float, rb: float, colour: Colour) -> Box | None:
        """A tapered, rounded and shaded stick: one segment of an arm or a leg."""
        return union(self._taper(a, b, ra * k, rb * k, shade(colour, f), s) for k, f, s in _LAYERS)

    def _taper(self, a: Point, b: Point, ra: float, rb: float, colour: Colour, shift: float) -> Box | None:
        pa, pb = self.project(a), self.project(b)
        sa, sb = ra * self.scale(a), rb * self.scale(b)
        ax, ay = pa[0] + self.light * shift * sa, pa[1] - 0.5 * shift * sa
        bx, by = pb[0] + self.light * shift * sb, pb[1] - 0.5 * shift * sb
        length = max(((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5, 1e-6)
        nx, ny = -(by - ay) / length, (bx - ax) / length
        ink = self._ink(colour)
        self.draw.polygon(
            [
                (ax + nx * sa, ay + ny * sa),
                (bx + nx * sb, by + ny * sb),
                (bx - nx * sb, by - ny * sb),
                (ax - nx * sa, ay - ny * sa),
            ],
            fill=ink,
        )
        self.draw.ellipse((ax - sa, ay - sa, ax + sa, ay + sa), fill=ink)
        self.draw.ellipse((bx - sb, by - sb, bx + sb, by + sb), fill=ink)
        return (min(ax - sa, bx - sb), min(ay - sa, by - sb), max(ax + sa, bx + sb), max(ay + sa, by + sb))

    def block(
        self, centre: Point, size: Point, colour: Colour, roll: float = 0.0, yaw: float = 0.0
    ) -> Box | None:
        """A shaded box, turned in the picture plane (roll) and about the vertical (yaw), in radians."""
        cr, sr, cy, sy = cos(roll), sin(roll), cos(yaw), sin(yaw)

        def place(x: float, y: float, z: float) -> Point:
            x, z = x * cy + z * sy, z * cy - x * sy
            return (centre[0] + x * cr - y * sr, centre[1] + x * sr + y * cr, centre[2] + z)

        faces = []
        for axis in range(3):
            for sign in (-1.0, 1.0):
                normal = [0.0, 0.0, 0.0]
                normal[axis] = sign
                corners = []
                for du, dv in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                    unit = [0.0, 0.0, 0.0]
                    unit[axis], unit[(axis + 1) % 3], unit[(axis + 2) % 3] = sign, du, dv
                    corners.append(place(*(unit[k] * size[k] / 2 for k in range(3))))
                tip = place(*normal)
                n = [tip[k] - centre[k] for k in range(3)]
                towards = sum(n[k] * (self.camera.eye[k] - corners[0][k]) for k in range(3))
                if towards > 0:
                    lit = 0.62 + 0.38 * n[1] + 0.16 * self.light * n[0] - 0.1 * n[2]
                    faces.append((corners, shade(colour, min(max(lit, 0.35), 1.25))))
        return union([self.poly(corners, tone) for corners, tone in faces])

    def backdrop(self, top: Colour, horizon: Colour, ground: Colour, near: Colour) -> None:
        """Vertical gradients above and below the horizon."""
        side = self.image.height
        horizon_y = self.project((self.camera.eye[0], self.camera.eye[1], 1e4))[1]
        y = np.arange(side)[:, None]
        up = np.clip(y / max(horizon_y, 1), 0, 1)
        down = np.clip((y - horizon_y) / max(side - horizon_y, 1), 0, 1)
        upper = (1 - up) * np.array(top) + up * np.array(horizon)
        lower = (1 - down) * np.array(ground) + down * np.array(near)
        column = np.where(y < horizon_y, upper, lower)
        rows = np.repeat(np.clip(column, 0, 255).astype(np.uint8)[:, None], side, axis=1)
        self.image.paste(Image.fromarray(rows))


# of a limb: (share of the radius, brightness, shift towards the light)
_LAYERS = ((1.0, 0.68, 0.0), (0.72, 0.95, 0.22), (0.34, 1.1, 0.42))

Painting = Callable[[Canvas], None]
