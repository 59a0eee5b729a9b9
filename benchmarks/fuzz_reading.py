"""Damaged pictures and documents by the thousand, each of which is to be read or refused.

    python benchmarks/fuzz_reading.py [--pictures 20000] [--seed 0] [--only N]

Composes small pictures and documents of every format that `DigitReader` takes, and changes their
bytes at random: flipped, overwritten, put in, taken out, repeated, cut off, exchanged with those of
another file, and numbers in text replaced by odd ones. What comes out is to be a `Page`, or an
`OSError`, `ValueError` or `TypeError`. Anything else is printed with its number, which ``--only``
repeats, and the exit status is 1: other errors, a process that died, one that took more than 1.5
GB, or a picture that took more than 30 seconds.
"""

import argparse
import io
import json
import multiprocessing
import re
import resource
import sys
import time
import traceback
import zlib
from collections import Counter

import numpy as np
from _report import print_header, print_table
from PIL import Image

_MOST_SECONDS, _MOST_MEGABYTES = 30.0, 1500.0
_ODD_NUMBERS = [b"0", b"-1", b"1", b"65535", b"65536", b"2147483647", b"-2147483648", b"4294967295"]
_ODD_NUMBERS += [b"99999999999999999999", b"0.0000001", b"1000000"]


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


def changed(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    """A file with one to eight changes."""
    new = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        # Headers stand at the start, and indices at the end.
        where = rng.random()
        at = int(len(new) * (where**3 if rng.random() < 0.5 else 1 - where**3 / 2))
        length = int(rng.choice([1, 2, 4, 8, rng.integers(1, 200)]))
        how = rng.integers(8)
        if how == 0 and at < len(new):
            new[at] ^= 1 << int(rng.integers(8))
        elif how == 1:
            new[at : at + length] = rng.bytes(length)
        elif how == 2:
            new[at:at] = rng.bytes(length)
        elif how == 3:
            del new[at : at + length]
        elif how == 4:
            start = int(rng.integers(len(new) + 1))
            new[at:at] = new[start : start + length]
        elif how == 5 and rng.random() < 0.3:
            del new[at:]
        elif how == 6:
            start = int(rng.integers(len(other) + 1))
            new[at : at + length] = other[start : start + length]
        elif how == 7:
            numbers = list(re.finditer(rb"\d+", new[:4000] + new[-600:]))
            if numbers:
                one = numbers[rng.integers(len(numbers))]
                odd = _ODD_NUMBERS[rng.integers(len(_ODD_NUMBERS))]
                new = bytearray(new.replace(one[0], odd, 1))
    return bytes(new)


def make_readers() -> list:
    from digitcnn import DigitReader

    return [
        DigitReader(),
        DigitReader(layout="line", check="luhn"),
        DigitReader(layout="single"),
        DigitReader(pattern="#.#|##,##"),
        DigitReader(lexicon=["42", "317"]),
    ]


def read_one(number: int, seed: int, files: list, readers: list) -> tuple[str, str]:
    """The format and the outcome of a changed file."""
    rng = np.random.default_rng([seed, number])
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
    except (OSError, ValueError, TypeError) as error:
        message = str(error)
        is_told = message and "\n" not in message and len(message) < 1000
        if not is_told:
            raise AssertionError(f"not one line: {message!r}") from error
        # A mistake of ours raises these too, but not by a statement of this package.
        from digitcnn.cli import is_refusal

        if not is_refusal(error) and not isinstance(error, TypeError):
            raise AssertionError(f"not refused by a check: {message!r}") from error
        return kind, "refused"
    return kind, "read"


def work(first: int, stop: int, seed: int, shared, results) -> None:
    """Read a range of numbers in a process of its own, which may die."""
    from digitcnn.tables.image_files import without_warnings_of_pillow

    files, readers = corpus(), make_readers()
    counts: Counter = Counter()
    slowest = (0.0, -1)
    with without_warnings_of_pillow():
        for number in range(first, stop):
            shared.value = number
            start = time.process_time()
            try:
                counts[read_one(number, seed, files, readers)] += 1
            except Exception:
                results.put(("failed", number, traceback.format_exc()))
            slowest = max(slowest, (time.process_time() - start, number))
            if number % 500 == 499:
                print(f"{number + 1:,}", file=sys.stderr, flush=True)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    results.put(("done", counts, slowest, megabytes))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one picture")
    options = parser.parse_args()
    first, last = (
        (0, options.pictures) if options.only is None else (options.only, options.only + 1)
    )
    context = multiprocessing.get_context("spawn")
    counts: Counter = Counter()
    slowest, megabytes, failures = (0.0, -1), 0.0, []
    while first < last:
        shared, results = context.Value("q", first - 1), context.SimpleQueue()
        process = context.Process(target=work, args=(first, last, options.seed, shared, results))
        process.start()
        is_done = False
        while not is_done and (process.is_alive() or not results.empty()):
            if results.empty():
                time.sleep(0.1)
                continue
            what, *rest = results.get()
            if what == "failed":
                failures.append(f"{rest[0]}: {rest[1]}")
                continue
            counts += rest[0]
            slowest, megabytes = max(slowest, rest[1]), max(megabytes, rest[2])
            is_done = True
        process.join()
        if not is_done:
            failures.append(f"{shared.value}: the process died with {process.exitcode}")
            if shared.value < first:  # before the first picture
                break
        first = last if is_done else shared.value + 1
    if slowest[0] > _MOST_SECONDS:
        failures.append(f"{slowest[1]}: took {slowest[0]:.0f} s")
    if megabytes > _MOST_MEGABYTES:
        failures.append(f"{megabytes:,.0f} MB of memory")
    print_header("numpy", "pillow", "pypdfium2", "onnxruntime")
    rows = [
        [kind, counts[kind, "read"], counts[kind, "refused"]]
        for kind in sorted({kind for kind, _ in counts})
    ]
    print_table(["format", "read", "refused"], rows)
    print(
        f"\nslowest: {slowest[0]:.2f} s of the processor's time (number {slowest[1]}); most "
        f"memory: {megabytes:,.0f} MB; failures: {len(failures)}"
    )
    for failure in failures:
        print(f"\n{failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
