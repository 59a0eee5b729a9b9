"""The page to draw on, with everything that it needs to read digits in the browser.

ONNX Runtime for the web, from npm, runs the exported model there. If npm is not available, the page
says so, and the rest of the documentation is built as usual.
"""

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from sphinx.util import logging

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
# As the registry reports it.
DIGEST = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
SECONDS = 120
# Scripts of the server's page that this page shares.
SHARED = ("answer.js", "dom.js", "drawing.js")
HERE = Path(__file__).parent
STATIC = HERE.parent / "src" / "digitcnn" / "web" / "static"

logger = logging.getLogger(__name__)


def fetch_runtime(folder):
    """Download the files of ONNX Runtime to a folder, once; returns whether they are there."""
    if all((folder / name).is_file() for name in FILES):
        return True
    npm = shutil.which("npm")
    if npm is None:
        return False
    with tempfile.TemporaryDirectory() as place:
        try:
            subprocess.run(
                [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", place],
                check=True,
                capture_output=True,
                timeout=SECONDS,
            )
            (packed,) = Path(place).glob("*.tgz")
        except (OSError, ValueError, subprocess.SubprocessError):
            return False
        content = packed.read_bytes()
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if digest != DIGEST:
        raise RuntimeError(f"expected {PACKAGE} {VERSION} with the digest {DIGEST}, got {digest}")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for name in FILES:
            file = archive.extractfile(f"package/dist/{name}")
            assert file is not None
            (folder / name).write_bytes(file.read())
    return True


def begin(app):
    """Build the page with the drawing area, if ONNX Runtime is there."""
    app.drawing_runtime = None
    if app.builder.format != "html":
        return
    folder = Path(app.doctreedir) / "npm" / f"{PACKAGE}-{VERSION}"
    if fetch_runtime(folder):
        app.drawing_runtime = folder
        app.tags.add("drawing")
    else:
        logger.info("npm cannot be reached: the page to draw on is left out")


def finish(app, error):
    """Copy everything that the page loads to its folder."""
    if error is not None or getattr(app, "drawing_runtime", None) is None:
        return
    import digitcnn
    from digitcnn.inference.export import export_onnx

    target = Path(app.outdir) / "_static" / "drawing"
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(app.drawing_runtime / name, target / name)
    for name in SHARED:
        shutil.copyfile(STATIC / name, target / name)
    for path in (HERE / "_drawing").iterdir():
        shutil.copyfile(path, target / path.name)
    export_onnx(digitcnn.load_pretrained(), target / "digits.onnx")


def setup(app):
    """Connect to Sphinx."""
    app.connect("builder-inited", begin)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
