"""A page straightened, as if it lay straight on a scanner."""

from dataclasses import dataclass

import cv2
import numpy as np

from digitcnn.preprocessing.shades import uneven_shades
from digitcnn.reading.forms.registration import Homography, scale_at
from digitcnn.reading.forms.template import FormTemplate

_SIDE = 56  # Shorter side of a box in pixels, if the picture has so many.
_ENLARGED = 1.5  # Largest scale, relative to the picture.
_LEAST_SIDE, _MOST_SIDE = 400, 2600  # Longer side of a sheet, in pixels.
_PAD = 0.03  # Margin around the page, relative to its longer side.
_RIM = 0.008  # Width of the paper's edge and its shadow, relative to the paper's longer side.
# Least contrast of ink: standard deviations of the noise, and relative to the paper's light.
_DEVIATIONS, _FAINTEST = 5.0, 0.06
# Second differences in both directions. They are small in smooth strokes, and in noise their
# standard deviation is 6 times its own.
_ROUGHNESS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page without scale, shift, rotation and perspective.

    Attributes
    ----------
    contrast : ndarray of float32 of shape (height, width)
        Contrast of ink and print to the paper around it, from 0 for paper to 1.
    faintest : float
        The least contrast above the noise.
    typical : float
        The mean contrast of print and writing.
    to_sheet : ndarray of shape (3, 3)
        From the template's units to the sheet's pixels.
    to_picture : ndarray of shape (3, 3)
        From the sheet's pixels to the picture's.
    """

    contrast: np.ndarray
    faintest: float
    typical: float
    to_sheet: np.ndarray
    to_picture: np.ndarray


def rectify(pixels: np.ndarray, place: Homography, template: FormTemplate) -> Sheet:
    """Straighten a page, at the size that its smallest boxes need.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
    place : ndarray of shape (3, 3)
        The page's place: from the template's units to pixels.
    template : FormTemplate
    """
    sides = [min(f.box[2] / f.columns, f.box[3] / f.rows) for f in template.fields]
    longest = max(template.width, template.height)
    most = _ENLARGED * scale_at(place, np.array([template.width, template.height]) / 2)
    scale = min(_SIDE / min(sides), most, _MOST_SIDE / longest)
    scale = max(scale, _LEAST_SIDE / longest)
    pad = _PAD * longest
    width, height = (round((side + 2 * pad) * scale) for side in (template.width, template.height))
    to_sheet = np.array([[scale, 0, pad * scale], [0, scale, pad * scale], [0, 0, 1]])
    to_picture = place @ np.linalg.inv(to_sheet)
    # OpenCV counts from the middle of the first pixel, `Homography` from its corner.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    straight = cv2.warpPerspective(
        pixels,
        np.linalg.inv(half) @ to_picture @ half,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    edge = round(pad * scale) if template.anchors is None else 0
    if edge:
        # The desk beyond the paper's edges would count as the paper's shade.
        page = np.ascontiguousarray(straight[edge:-edge, edge:-edge])
        straight = cv2.copyMakeBorder(page, edge, edge, edge, edge, cv2.BORDER_REFLECT_101)
    shades = uneven_shades(straight.reshape(height, width, -1), True)
    if shades is None:
        return Sheet(np.zeros((height, width), np.float32), 1.0, 1.0, to_sheet, to_picture)
    contrast = shades.contrast
    if edge:
        within = np.zeros(contrast.shape, np.float32)
        inner = edge + round(_RIM * longest * scale)
        within[inner:-inner, inner:-inner] = 1
        contrast *= within
    rough = np.abs(cv2.filter2D(contrast, -1, _ROUGHNESS))
    faintest = max(_DEVIATIONS * 1.4826 / 6 * float(np.median(rough)), _FAINTEST)
    typical = float(contrast[shades.mask > 0].mean()) if shades.mask.any() else 1.0
    return Sheet(contrast, faintest, typical, to_sheet, to_picture)
