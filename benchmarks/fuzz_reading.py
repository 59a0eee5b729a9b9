"""Read damaged pictures and documents by the thousand; each has to be read or refused.

    python benchmarks/fuzz_reading.py [--files 20000] [--seed 0] [--only N]

Composes small pictures and documents of every format that `DigitReader` takes, and changes their
bytes at random: flipped, overwritten, inserted, removed, repeated, cut off, exchanged with those of
another file, and numbers in text replaced by odd ones. The result has to be a `Page`, an `OSError`
or a `ValueError` of one line. Everything else is printed with its number, which ``--only`` repeats,
and the exit status is 1: other errors, a process that died or took more than 1.5 GB, a picture that
took more than 30 seconds.
"""

import io
import json
import sys
import zlib

import numpy as np
from _fuzz import Reader, changed, check_refusal, run
from PIL import Image


def sheet(text: str, width: int = 96, height: int = 48) -> Image.Image:
    """Digits on paper, composed of the sample's."""
    from digitcnn.datasets import load_sample_digits

    X, y = load_sample_digits()
    paper = np.full((height, width), 235, np.uint8)
    for i, sign in enumerate(text):
        digit = X[np.flatnonzero(y == int(sign))[7]].reshape(28, 28)
        paper[10:38, 6 + 28 * i : 34 + 28 * i] -= (digit * 0.8).astype(np.uint8)
    return Image.fromarray(paper)


def compose_pdf(content: bytes, resources: bytes = b"", more: tuple[bytes, ...] = ()) -> bytes:
    """A PDF of two equal pages."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[4 0 R 4 0 R]/Count 2>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Page/Parent 2 0 R/Contents 3 0 R/MediaBox[0 0 96 48]/Resources<<%s>>>>"
        % resources,
        *more,
    ]
    out, places = io.BytesIO(b"%PDF-1.7\n"), []
    out.seek(0, 2)
    for i, one in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (i, one))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(places) + 1, start))
    return out.getvalue()


def corpus() -> list[tuple[str, bytes]]:
    """Valid files, each with the name of its format."""
    found = []

    def add(kind: str, image: Image.Image, **options: object) -> None:
        out = io.BytesIO()
        image.save(out, kind, **options)
        found.append((kind, out.getvalue()))

    grey, other = sheet("42"), sheet("317")
    colours = Image.merge("RGB", [grey, grey, other])
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    cmyk = colours.convert("CMYK")
    clear = Image.merge("RGBA", [*colours.split(), other])
    exif = Image.Exif()
    exif[0x0112] = 6
    for image in (grey, colours, deep, clear, grey.convert("1"), colours.quantize(16)):
        add("PNG", image)
    for image, options in (
        (grey, {}),
        (colours, {"exif": exif}),
        (cmyk, {}),
        (colours, {"progressive": True}),
    ):
        add("JPEG", image, **options)
    for image in (grey, colours, grey.convert("1")):
        add("BMP", image)
    pages = {"save_all": True, "append_images": [other, grey]}
    for image, options in (
        (grey, pages),
        (deep, {}),
        (cmyk, {"compression": "tiff_lzw"}),
        (colours, {"compression": "tiff_adobe_deflate", "exif": exif}),
        (colours, {"compression": "jpeg"}),
        (grey.convert("1"), {"compression": "group4"}),
    ):
        add("TIFF", image, **options)
    add("WEBP", colours)
    add("WEBP", clear, lossless=True, **pages)
    add("GIF", grey, **pages)
    add("PDF", grey, **pages)
    add("PDF", colours)
    add("PDF", grey.convert("1"))
    drawn = b"BT /F 30 Tf 8 10 Td (31415) Tj ET 4 w 5 5 m 90 40 l S q 0.5 g 10 10 20 20 re f Q"
    font = b"/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    found.append(("PDF", compose_pdf(drawn, font)))
    packed = zlib.compress(grey.tobytes())
    head = b"<</Subtype/Image/Width 96/Height 48/ColorSpace/DeviceGray/BitsPerComponent 8"
    picture = head + b"/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed)
    found.append(
        ("PDF", compose_pdf(b"96 0 0 48 0 0 cm /I Do", b"/XObject<</I 5 0 R>>", (picture,)))
    )
    inner = b"<</Subtype/Form/BBox[0 0 96 48]/Resources<</XObject<</I 5 0 R/Self 6 0 R>>>>"
    inner += b"/Length 40>>stream\nq 96 0 0 48 0 0 cm /I Do Q /Self Do     \nendstream"
    found.append(("PDF", compose_pdf(b"/F Do", b"/XObject<</F 6 0 R>>", (picture, inner))))
    return found


def make_readers() -> list:
    from digitcnn import DigitReader

    return [
        DigitReader(),
        DigitReader(layout="line", check="luhn"),
        DigitReader(layout="single"),
        DigitReader(pattern="#.#|##,##"),
        DigitReader(lexicon=["42", "317"]),
    ]


def make_reader() -> Reader:
    files, readers = corpus(), make_readers()

    def read_one(rng: np.random.Generator) -> tuple[str, str]:
        kind, data = files[rng.integers(len(files))]
        content = changed(rng, data, files[rng.integers(len(files))][1])
        reader = readers[rng.integers(len(readers))]
        region = None if rng.random() < 0.8 else tuple(rng.uniform(0, 0.5, 4))
        try:
            for i, page in enumerate(reader.read_pages(content, region=region)):
                json.loads(page.to_json())
                if rng.random() < 0.1:
                    page.draw()
                if i == 3:
                    break
        except (OSError, ValueError) as error:
            check_refusal(error)
            return kind, "refused"
        return kind, "read"

    return read_one


if __name__ == "__main__":
    sys.exit(run(__doc__, make_reader, "numpy", "pillow", "pypdfium2", "onnxruntime"))
