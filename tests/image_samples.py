"""Image files of a digit in every format and mode, for tests."""

import io

import numpy as np
from PIL import Image, PngImagePlugin
from sklearn.datasets import load_digits

ORIENTATION = 0x0112
# Pillow's names of formats, with the modes that each can keep a grey picture in.
MODES = {
    "PNG": ["L", "LA", "P", "RGB", "RGBA", "I;16"],
    "JPEG": ["L", "RGB", "CMYK"],
    "BMP": ["L", "P", "RGB", "RGBA"],
    "TIFF": ["L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"],
    "WEBP": ["RGB", "RGBA"],
    "GIF": ["L", "P"],
}
# What saves a picture exactly as it is. JPEG cannot.
EXACTLY = {
    "WEBP": [{"lossless": True, "exact": True}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}],
    "PNG": [{}, {"compress_level": 0}],
    "JPEG": [{"quality": 98, "subsampling": 0}, {"quality": 98, "progressive": True}],
}


def digit(index=0, side=16):
    """One of scikit-learn's digits, dark on white, as uint8 of shape (side, side)."""
    small = load_digits().images[index]
    image = Image.fromarray((255 - small * 15).astype(np.uint8))
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))


def in_mode(pixels, mode):
    """A grey picture as Pillow's image of a mode, which shows the same."""
    if mode == "I;16":
        return Image.fromarray(pixels.astype(np.uint16) * 257)
    grey = Image.fromarray(pixels)
    if mode == "CMYK":
        return Image.fromarray(
            np.dstack([np.zeros((*pixels.shape, 3), np.uint8), 255 - pixels]), "CMYK"
        )
    if mode == "P":
        # In an order of its own, so that indices are no shades.
        image = Image.fromarray(pixels[...] ^ 85)
        shades = np.arange(256, dtype=np.uint8) ^ 85
        image.putpalette(np.repeat(shades, 3).tobytes())
        return image
    return grey.convert(mode)


def encoded(pixels, kind, mode, options=None, orientation=None):
    """The bytes of an image file."""
    buffer = io.BytesIO()
    options = dict(options or {})
    if orientation is not None:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    in_mode(pixels, mode).save(buffer, kind, **options)
    return buffer.getvalue()


def turned_away(pixels, orientation):
    """A picture as a camera keeps it that is held so that EXIF says `orientation`."""
    back = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(back[orientation](pixels))


def png_claiming(width, height):
    """A PNG of a few bytes whose header claims a size."""
    chunk = io.BytesIO()
    PngImagePlugin.putchunk(
        chunk, b"IHDR", width.to_bytes(4, "big"), height.to_bytes(4, "big"), b"\x08\0\0\0\0"
    )
    PngImagePlugin.putchunk(chunk, b"IDAT", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk.getvalue()
