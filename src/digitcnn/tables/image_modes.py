"""Conversion of images of all modes, bit depths and orientations to upright bytes."""

from typing import Any

import numpy as np

_LUMINANCE = np.array([299, 587, 114], np.uint32)  # weights of red, green, blue, in thousandths
_ORIENTATION, _BITS, _PHOTOMETRIC = 0x0112, 258, 262  # tags of EXIF and TIFF


def luminance(colours: np.ndarray) -> np.ndarray:
    """Convert RGB to grey, by ITU-R BT.601."""
    return ((colours @ _LUMINANCE + 500) // 1000).astype(np.uint8)


def orientation_of(image: Any) -> int:
    """EXIF's orientation, 1 to 8; 1 if it is missing or invalid."""
    try:
        # Pillow rotates TIFF images itself and removes the tag.
        found = image.getexif().get(_ORIENTATION)
    except Exception:  # damaged EXIF data is ignored
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Rotate pixels upright by EXIF's orientation."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def to_bytes(image: Any) -> Any:
    """Convert an image to one of the modes L, LA, RGB and RGBA."""
    if image.mode.startswith("I"):
        return _from_16_bits(image)
    has_opacity = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    if image.mode in ("1", "L", "LA", "La"):
        mode = "LA" if has_opacity else "L"
    else:
        mode = "RGBA" if has_opacity else "RGB"
    return image if image.mode == mode else image.convert(mode)  # which would copy it


def _from_16_bits(image: Any) -> Any:
    from PIL import Image

    white = 2 ** bits_of(image) - 1
    numbers = np.asarray(image)
    grey = ((np.clip(numbers, 0, white).astype(np.uint32) * 255 + white // 2) // white).astype(
        np.uint8
    )
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0:  # 0 is white, which Pillow ignores here
        grey = 255 - grey
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return Image.fromarray(grey)
    opacity = np.where(numbers == key, np.uint8(0), np.uint8(255))
    return Image.merge("LA", [Image.fromarray(grey), Image.fromarray(opacity)])


def without_opacity(pixels: np.ndarray) -> np.ndarray:
    """Draw transparent pixels on white, or on black if white would hide the strokes."""
    colours, opacity = pixels[..., :-1], pixels[..., -1:].astype(np.uint16)
    if opacity.min() == 255:
        return colours
    drawn = colours[opacity[..., 0] > 127]
    grey = luminance(drawn) if drawn.shape[1] == 3 else drawn
    paper = np.uint16(0 if grey.size and grey.min() > 127 else 255)
    return ((colours * opacity + paper * (255 - opacity) + 127) // 255).astype(np.uint8)


def bits_of(image: Any) -> int:
    """Bits per sample of a TIFF; 16 for other formats."""
    bits = getattr(image, "tag_v2", {}).get(_BITS, 16)
    return int(bits[0] if isinstance(bits, tuple) else bits)
