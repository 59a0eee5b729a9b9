"""Fetch the fonts that training digits are drawn with, and write what they are.

    python benchmarks/pretrained/fonts.py FOLDER

Downloads the packages of fonts.csv, each of one version, from the npm registry with ``npm pack``
and writes FOLDER/NAME.ttf. A package whose metadata do not say "OFL-1.1" is refused. Fonts marked
as held out are never trained on.

    python benchmarks/pretrained/fonts.py FOLDER --add KIND NAME ...

takes further packages ("@fontsource/NAME") in their latest version into fonts.csv.
"""

import argparse
import csv
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

RECORD = Path(__file__).with_name("fonts.csv")
LICENCE = "OFL-1.1"
# Every sixth of each kind is kept out of the training, to measure on.
_HELD_OUT = 6


class Font(NamedTuple):
    """A line of fonts.csv."""

    name: str
    version: str
    licence: str
    kind: str  # "hand" or "type"
    attribution: str


def read_record() -> list[Font]:
    """The fonts of fonts.csv."""
    with RECORD.open(encoding="utf-8", newline="") as file:
        return [Font(**row) for row in csv.DictReader(file)]


def divide(fonts: list[Font], kind: str) -> tuple[list[str], list[str]]:
    """Names of the fonts of a kind that are trained on, and of those held out."""
    names = sorted(font.name for font in fonts if font.kind == kind)
    held_out = names[_HELD_OUT // 2 :: _HELD_OUT]
    return [name for name in names if name not in held_out], held_out


def fetch(packages: list[str], kind: str, folder: Path) -> Iterator[Font]:
    """Download packages such as "caveat" or "caveat@5.3.0" and write their fonts into a folder."""
    from fontTools.ttLib import TTFont

    with tempfile.TemporaryDirectory() as downloads:
        command = ["npm", "pack", "--silent", "--pack-destination", downloads]
        subprocess.run([*command, *(f"@fontsource/{name}" for name in packages)], check=True)
        for archive in sorted(Path(downloads).iterdir()):
            with tarfile.open(archive) as package:

                def read(name: str, package: tarfile.TarFile = package) -> bytes:
                    file = package.extractfile(f"package/{name}")
                    assert file is not None
                    return file.read()

                metadata, about = (
                    json.loads(read("metadata.json")),
                    json.loads(read("package.json")),
                )
                name, licence = metadata["id"], metadata["license"]
                if not isinstance(licence, dict) or licence["type"] != LICENCE:
                    print(f"{name}: expected the licence {LICENCE}, got {licence}. Left out.")
                    continue
                weights = metadata["weights"]
                weight = 400 if 400 in weights else weights[0]
                font = TTFont(io.BytesIO(read(f"files/{name}-latin-{weight}-normal.woff2")))
                missing = [digit for digit in "0123456789" if ord(digit) not in font.getBestCmap()]
                if missing:
                    print(f"{name}: has no {', '.join(missing)}. Left out.")
                    continue
                font.flavor = None
                font.save(folder / f"{name}.ttf")
                attribution = " ".join(licence["attribution"].split())
                yield Font(name, about["version"], licence["type"], kind, attribution)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--add", nargs="+", metavar=("KIND", "NAME"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.add:
        kind, *names = options.add
        known = {font.name: font for font in read_record()} if RECORD.exists() else {}
        known |= {font.name: font for font in fetch(names, kind, options.folder)}
        with RECORD.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Font._fields)
            writer.writerows(sorted(known.values(), key=lambda font: (font.kind, font.name)))
        return
    fonts = read_record()
    for kind in sorted({font.kind for font in fonts}):
        wanted = {font for font in fonts if font.kind == kind}
        packages = sorted(f"{font.name}@{font.version}" for font in wanted)
        if set(fetch(packages, kind, options.folder)) != wanted:
            raise SystemExit("expected the fonts of fonts.csv, got others")
    print(f"{len(fonts)} fonts in {options.folder}")


if __name__ == "__main__":
    main()
