"""What a poster can show: hills, cut paper, orbs, arches, ribbons, a blossom, tiles.

A composition fills a plane of tones from 0 (the darkest ink) to 255 (the lightest paper). `style`
depends on the prompt alone, `shape` on the prompt and the seed. So pictures of one prompt look
alike, but no two of them are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from mock_server.web.canvas import Canvas, SeededRandom, fade, tone_of

if TYPE_CHECKING:
    from PIL.Image import Image as Plane

    Composition = Callable[[Canvas, SeededRandom, SeededRandom], Plane]


def hills(canvas: Canvas, style: SeededRandom, shape: SeededRandom) -> Plane:
    """Draw ridges one behind the other, paler with distance, under a low sun."""
    layers = 4 + style.randrange(3)
    roughness = style.uniform(0.25, 1.0)
    width, height = canvas.width, canvas.height
    plane = fade(style.uniform(185, 205), 246, canvas.size)
    sheet, draw = canvas.sheet()
    x, y = width * shape.uniform(0.18, 0.82), height * shape.uniform(0.16, 0.36)
    radius = canvas.unit * shape.uniform(0.07, 0.13)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    canvas.cover(plane, sheet, (255, 255), y - radius)
    for layer in range(layers):
        near = layer / (layers - 1)
        base = height * (0.36 + 0.46 * near + shape.uniform(-0.03, 0.03))
        swell = min(height, canvas.unit) * (0.05 + 0.05 * near)
        waves = [
            (shape.uniform(0.6, 1.4) * 2**octave, shape.uniform(0, math.tau), 0.55**octave)
            for octave in range(4)
        ]
        ridge = [(0.0, float(height))]
        for step in range(65):
            turn = step / 64 * math.tau * width / canvas.unit
            lift = sum(
                math.sin(turn * pace + phase) * (weight if octave < 2 else weight * roughness)
                for octave, (pace, phase, weight) in enumerate(waves)
            )
            ridge.append((width * step / 64, base - swell * lift))
        ridge.append((float(width), float(height)))
        sheet, draw = canvas.sheet()
        draw.polygon(ridge, fill=255)
        tone = 178 - 165 * near
        fading = (tone - 10, tone + 60 * (1 - near / 2))
        canvas.cover(plane, sheet, fading, min(y for _, y in ridge))
    return plane


def cut_paper(canvas: Canvas, style: SeededRandom, shape: SeededRandom) -> Plane:
    """Draw layers of paper, each with a ragged hole that casts a shadow on the next."""
    holes = 6 + style.randrange(4)
    bumps = [(2 + wave, style.uniform(0.04, 0.11) * 1.4 / (1 + wave / 2)) for wave in range(4)]
    falling = bool(style.randrange(2))
    x, y = canvas.width * shape.uniform(0.3, 0.7), canvas.height * shape.uniform(0.28, 0.5)
    swing = shape.uniform(0.08, 0.24) * (1 if shape.randrange(2) else -1)
    phases = [shape.uniform(0, math.tau) for _ in bumps]
    sheet, draw = canvas.sheet(246 if falling else 18)
    for hole in range(holes):
        depth = (hole + 1) / holes
        reach = canvas.unit * 0.74 * (1 - 0.86 * hole / (holes - 1)) ** 0.9
        outline = []
        for step in range(90):
            angle = step / 90 * math.tau
            bulge = 1 + sum(
                size * math.sin(waves * angle + phase + hole * swing * (number + 1))
                for number, ((waves, size), phase) in enumerate(zip(bumps, phases, strict=True))
            )
            outline.append((math.cos(angle) * reach * bulge, math.sin(angle) * reach * bulge))
        tone = 246 - 228 * depth if falling else 18 + 232 * depth
        draw.polygon([(x + a, y + b) for a, b in outline], fill=tone_of(tone * 0.8 - 16))
        slip = reach * 0.022
        draw.polygon(
            [(x + slip + a * 0.962, y + slip + b * 0.962) for a, b in outline], fill=tone_of(tone)
        )
    return canvas.smooth(sheet)


def orbs(canvas: Canvas, style: SeededRandom, shape: SeededRandom) -> Plane:
    """Draw translucent balls, lit from one side, in front of one another."""
    from PIL import Image, ImageDraw

    number = 5 + style.randrange(5)
    plane = canvas.clouds(shape, 2, 150, 250)
    lit = Image.linear_gradient("L").rotate(style.randrange(360), Image.Resampling.BILINEAR)
    lit = lit.crop((38, 38, 218, 218))  # the part that is filled at every angle
    for orb in range(number):
        radius = canvas.unit * shape.uniform(0.10, 0.30) * (1.15 - 0.6 * orb / number) / 2
        x = canvas.width / 2 * shape.uniform(0.05, 0.95)
        y = canvas.height / 2 * shape.uniform(0.05, 0.80)
        box = [round(x - radius), round(y - radius), round(x + radius), round(y + radius)]
        side = max(2, box[2] - box[0])
        light, dark = shape.uniform(170, 255), shape.uniform(0, 110)
        ball = Image.new("L", (side * 2, side * 2))
        ImageDraw.Draw(ball).ellipse((0, 0, side * 2 - 1, side * 2 - 1), fill=255)
        ink = lit.resize((side, side), Image.Resampling.BILINEAR)
        ink = ink.point([tone_of(dark + (light - dark) * tone / 255) for tone in range(256)])
        solid = shape.uniform(0.72, 1.0)
        mask = ball.reduce(2).point([round(tone * solid) for tone in range(256)])
        plane.paste(ink, (box[0], box[1]), mask)
    return plane


def arches(canvas: Canvas, style: SeededRandom, shape: SeededRandom) -> Plane:
    """Draw broad rainbows in rows, like the scales of a fish."""
    bands = 4 + style.randrange(3)
    across = 2 + style.randrange(2)
    width = canvas.unit / across
    sheet, draw = canvas.sheet(236)
    rows = math.ceil(canvas.height / width * 2) + 2
    columns = math.ceil(canvas.width / width) + 1
    drift = shape.uniform(0, 1)
    for row in range(rows):
        y = (row + drift) * width / 2
        for column in range(-1, columns):
            x = (column + 0.5 * (row % 2) + drift) * width
            first = shape.randrange(bands)
            for band in range(bands):
                radius = width / 2 * (1 - band / bands) * 1.04
                tone = tone_of(20 + 225 * ((first + band * 2) % (bands + 1)) / bands)
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tone)
    return canvas.smooth(sheet)


def ribbons(canvas: Canvas, style: SeededRandom, shape: SeededRandom) -> Plane:
    """Draw bands that flow side by side from edge to edge."""
    bands = 7 + style.randrange(6)
    lean = style.uniform(-0.5, 0.5)
    sheet, draw = canvas.sheet(248)
    width, height = canvas.width, canvas.height
    amplitude = height * shape.uniform(0.06, 0.13)
    waves = [(shape.uniform(0.3, 1.1), shape.uniform(0, math.tau)) for _ in range(3)]
    twist = shape.uniform(0.5, 1.6)
    for band in range(bands):
        depth = band / (bands - 1)
        edge = []
        for step in range(49):
            along = step / 48
            sway = sum(
                math.sin(along * math.tau * pace + phase + depth * twist * (number + 1))
                for number, (pace, phase) in enumerate(waves)
            )
            y = height * (-0.12 + 1.15 * depth + lean * (along - 0.5) * 0.5) + amplitude * sway
            edge.append((width * along, y))
        tone = 232 - 222 * depth
        draw.polygon([*edge, (width, height), (0, height)], fill=tone_of(tone))
    return canvas.smooth(sheet)


def blossom(canvas: Canvas, style: SeededRandom, shape: SeededRandom) -> Plane:
    """Draw a large flower with rings of petals, from dark to light."""
    rings, petals = 4 + style.randrange(3), 7 + style.randrange(6)
    roundness = style.uniform(0.55, 1.0)
    sheet, draw = canvas.sheet(30)
    x = canvas.width * shape.uniform(0.3, 0.7)
    y = canvas.height * shape.uniform(0.28, 0.55)
    reach = canvas.unit * shape.uniform(0.62, 0.8)
    turn = shape.uniform(0, math.tau)
    for ring in range(rings):
        depth = ring / (rings - 1)
        length = reach * (1 - 0.80 * depth)
        spread = math.pi / petals * (1.25 + 0.35 * roundness)
        for petal in range(petals):
            angle = turn + math.tau * (petal + ring * 0.5) / petals
            outline = [(x, y)]
            for step in range(1, 24):
                across = step / 12 - 1
                bow = math.cos(across * math.pi / 2) ** roundness
                bend = angle + across * spread * 0.5
                outline.append(
                    (
                        x + math.cos(bend) * length * (0.35 + 0.65 * bow),
                        y + math.sin(bend) * length * (0.35 + 0.65 * bow),
                    )
                )
            tone = 52 + 190 * depth + (16 if petal % 2 else -10)
            draw.polygon(outline, fill=tone_of(tone))
    radius = reach * 0.07
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=70)
    return canvas.smooth(sheet)


def tiles(canvas: Canvas, style: SeededRandom, shape: SeededRandom) -> Plane:
    """Draw squares, quarter circles and leaves on a grid."""
    cell = canvas.unit / (3 + style.randrange(3))
    tones = (24, 84, 142, 196, 244)
    sheet, draw = canvas.sheet(236)
    for row in range(math.ceil(canvas.height / cell)):
        for column in range(math.ceil(canvas.width / cell)):
            x, y = column * cell, row * cell
            ground = shape.randrange(5)
            figure = tones[(ground + 1 + shape.randrange(4)) % 5]
            draw.rectangle((x, y, x + cell, y + cell), fill=tones[ground])
            corner, kind = shape.randrange(4), shape.randrange(5)
            if kind == 0:
                inset = cell * 0.2
                draw.ellipse((x + inset, y + inset, x + cell - inset, y + cell - inset), figure)
                continue
            cx, cy = x + cell * (corner % 2), y + cell * (corner // 2)
            quarters = [(cell, figure)]
            if kind in (2, 3):
                quarters.append((cell / 2, tones[(ground + 2 + kind) % 5]))
            start = (0, 90, 270, 180)[corner]
            for radius, tone in quarters:
                circle = (cx - radius, cy - radius, cx + radius, cy + radius)
                draw.pieslice(circle, start, start + 90, tone)
    return canvas.smooth(sheet)


COMPOSITIONS: tuple[Composition, ...] = (hills, cut_paper, orbs, arches, ribbons, blossom, tiles)
