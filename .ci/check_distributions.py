"""Check what the wheel and the sdist contain, and how large they are.

    python .ci/check_distributions.py dist

Prints the contents of both by folder. A file that is not meant to be published, a missing one, or
a distribution above its bound ends it with an error.
"""

import sys
import tarfile
import zipfile
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LICENCES = ("LICENSE", "THIRD_PARTY_LICENSES.txt")

# In these patterns an asterisk stands for slashes, too.
PACKAGE = [
    "digitcnn/*.py",
    "digitcnn/py.typed",
    "digitcnn/pretrained/digits.digitcnn",
    "digitcnn/pretrained/strings.onnx",
    "digitcnn/pretrained/measured.json",
    "digitcnn/*/templates/*.css",
    "digitcnn/*/templates/*.html",
    "digitcnn/*/templates/*.js",
    "digitcnn/web/static/*.css",
    "digitcnn/web/static/*.html",
    "digitcnn/web/static/*.js",
    "digitcnn/web/static/icon.svg",
]
WHEEL = [
    *PACKAGE,
    "digitcnn-*.dist-info/METADATA",
    "digitcnn-*.dist-info/RECORD",
    "digitcnn-*.dist-info/WHEEL",
    "digitcnn-*.dist-info/entry_points.txt",
    *(f"digitcnn-*.dist-info/licenses/{name}" for name in LICENCES),
]
SDIST = [
    *(f"src/{pattern}" for pattern in PACKAGE),
    "tests/*.py",
    "tests/data/model_v*.digitcnn.gz",
    "tests/data/model_v*.json",
    "tests/data/public_api.txt",
    "docs/*.rst",
    "docs/*.md",
    "docs/*.py",
    "docs/_drawing/*.css",
    "docs/_drawing/*.js",
    "docs/_static/*.css",
    "docs/_static/*.jpg",
    "docs/_static/*.png",
    "docs/_static/*.svg",
    "examples/*.py",
    "examples/GALLERY_HEADER.rst",
    "benchmarks/*.py",
    "benchmarks/*.md",
    "benchmarks/pretrained/fonts.csv",
    "benchmarks/results/*.jsonl",
    ".gitignore",
    "CHANGELOG.md",
    "CITATION.cff",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "PKG-INFO",
    "README.md",
    "RELEASING.md",
    "SECURITY.md",
    "constraints.txt",
    "pyproject.toml",
    "tox.ini",
    *LICENCES,
]
# MB. The two networks are 4.4 MB.
LARGEST_WHEEL, LARGEST_SDIST = 6, 7


def find_faults(sizes: dict[str, int], allowed: list[str], required: list[str]) -> list[str]:
    """What is wrong with the files of a distribution.

    Parameters
    ----------
    sizes : dict of str to int
        The size of each file, in bytes, by its path.
    allowed : list of str
        Patterns: a path that matches none is a fault.
    required : list of str
        Patterns: one that matches no path is a fault.

    Returns
    -------
    list of str
    """
    faults = [
        f"{path}: not meant to be published"
        for path in sizes
        if not any(fnmatchcase(path, pattern) for pattern in allowed)
    ]
    faults += [f"{path}: empty" for path, size in sizes.items() if not size and "typed" not in path]
    faults += [
        f"{pattern}: missing"
        for pattern in required
        if not any(fnmatchcase(path, pattern) for path in sizes)
    ]
    return faults


def list_package(root: Path) -> list[str]:
    """The files of the package in a checkout, as they are called in a wheel."""
    folder = root / "src"
    files = (path for path in (folder / "digitcnn").rglob("*") if path.is_file())
    return [path.relative_to(folder).as_posix() for path in files if path.suffix != ".pyc"]


def read_wheel(path: Path) -> dict[str, int]:
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: entry.file_size for entry in archive.infolist()}


def read_sdist(path: Path) -> dict[str, int]:
    with tarfile.open(path) as archive:
        files = [entry for entry in archive if entry.isfile()]
    # Each path begins with the name and the version.
    return {entry.name.partition("/")[2]: entry.size for entry in files}


def show(path: Path, sizes: dict[str, int]) -> None:
    numbers: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for name, size in sizes.items():
        folder = "/".join(name.split("/")[:-1][:3]) or "."
        numbers[folder] += 1
        totals[folder] += size
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {len(sizes)} files")
    for folder in sorted(numbers):
        print(f"  {folder:<40} {numbers[folder]:>4} files {totals[folder] / 1000:>8,.0f} kB")


def named(patterns: list[str]) -> list[str]:
    """The patterns that stand for one file each, which has to be there."""
    return [pattern for pattern in patterns if "*" not in pattern.rpartition("/")[2]]


def main(folder: str) -> int:
    (wheel,) = Path(folder).glob("*.whl")
    (sdist,) = Path(folder).glob("*.tar.gz")
    package = list_package(ROOT)
    faults = []
    for path, sizes, allowed, required, largest in (
        (wheel, read_wheel(wheel), WHEEL, package, LARGEST_WHEEL),
        (sdist, read_sdist(sdist), SDIST, [f"src/{name}" for name in package], LARGEST_SDIST),
    ):
        show(path, sizes)
        found = find_faults(sizes, allowed, [*named(allowed), *required])
        size = path.stat().st_size / 1e6
        if size > largest:
            found.append(f"expected {largest} MB at most, got {size:.2f} MB")
        faults += [f"{path.name}: {fault}" for fault in found]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
