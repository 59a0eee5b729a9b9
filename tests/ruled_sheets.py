"""Sheets with lines, grids and desks around them, for tests."""

import cv2
import numpy as np

from number_sheets import SIDE, glyphs

CORNERS = [[150, 90], [560, 120], [600, 420], [110, 380]]  # Of a sheet on a desk.


def grid_sheet(rows, cell=60, margin=50, thick=1, light=225.0, shades=(70.0, 60.0), every=3):
    """A grid with a digit, or " ", in each cell, as bytes (height, width, 1)."""
    n_rows, n_columns = len(rows), max(map(len, rows))
    height, width = 2 * margin + cell * n_rows, 2 * margin + cell * n_columns
    drawn = glyphs().astype(np.float32) / 255
    page = np.full((height, width), light, np.float32)
    for i in range(n_rows + 1):
        y, depth = margin + i * cell, thick * (2 if i % every == 0 else 1)
        page[y : y + depth, margin : width - margin + 1] = shades[0]
    for j in range(n_columns + 1):
        x, depth = margin + j * cell, thick * (2 if j % every == 0 else 1)
        page[margin : height - margin + 1, x : x + depth] = shades[0]
    for i, row in enumerate(rows):
        for j, sign in enumerate(row):
            if sign != " ":
                y, x = margin + i * cell + 16, margin + j * cell + 17
                part = page[y : y + SIDE, x : x + SIDE]
                np.minimum(part, light + (shades[1] - light) * drawn[int(sign)], out=part)
    return page.clip(0, 255).astype(np.uint8)[..., None]


def seen_from(pixels, corners, width, height, ground=230.0):
    """A sheet as a quadrilateral in a picture of something else, (height, width, channels)."""
    sheet_height, sheet_width = pixels.shape[:2]
    rectangle = np.array(
        [[0, 0], [sheet_width, 0], [sheet_width, sheet_height], [0, sheet_height]], np.float32
    )
    matrix = cv2.getPerspectiveTransform(rectangle, np.array(corners, np.float32))
    value = (float(ground),) * 4
    found = cv2.warpPerspective(
        pixels, matrix, (width, height), flags=cv2.INTER_AREA, borderValue=value
    )
    return found.reshape(height, width, -1), matrix


def bent(pixels, depth):
    """A sheet whose lines go up and down by `depth` pixels."""
    height, width = pixels.shape[:2]
    rows, columns = np.indices((height, width)).astype(np.float32)
    rows += (depth * np.sin(columns / width * np.pi)).astype(np.float32)
    found = cv2.remap(pixels, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(height, width, -1)


def desk(kind, height=500, width=700):
    rng = np.random.default_rng(0)
    rows, columns = np.indices((height, width))
    if kind == "plain":
        return np.full((height, width, 1), 70, np.uint8)
    if kind == "grain":
        grain = cv2.GaussianBlur(rng.normal(0, 60, (height, width)).astype(np.float32), (0, 0), 2)
        return (90 + 4 * grain).clip(0, 200).astype(np.uint8)[..., None]
    if kind == "wood":
        waves = np.sin(rows / 9 + 3 * np.sin(columns / 120))
        return (
            np.stack([c + 18 * waves for c in (110, 75, 40)], axis=2).clip(0, 255).astype("uint8")
        )
    cloth = np.array([90, 160, 170]) + rng.normal(0, 10, (height, width, 1))
    return cloth.clip(0, 255).astype(np.uint8)


def on_desk(sheet, ground, corners=CORNERS):
    """A sheet on a desk, with its shadow."""
    height, width, channels = ground.shape
    seen, _ = seen_from(sheet, corners, width, height, 0)
    covered, _ = seen_from(np.full_like(sheet, 255), corners, width, height, 0)
    covered = covered[..., :1].astype(np.float32) / 255
    shadow = cv2.GaussianBlur(np.roll(covered[..., 0], (6, -9), axis=(0, 1)), (0, 0), 7)
    found = ground * (1 - 0.4 * shadow[..., None]) * (1 - covered) + seen * covered
    return np.repeat(found, 3, 2)[..., :3].astype(np.uint8) if channels == 1 else found.astype("u1")
