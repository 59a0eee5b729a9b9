"""Distorted images a second, beside Keras's ImageDataGenerator.

    python benchmarks/augmentation.py

Batches of 256 images of 28x28, uint8 in and float32 out, as in training. Drawing the random
parameters is included.
"""

import statistics
import warnings

import numpy as np
import tensorflow as tf
from _report import in_turn, print_header, print_table, ratio

from digitcnn.augmentation.batches import DigitBatches
from digitcnn.augmentation.distortion import Distortion

N = 10_240
AFFINE = {
    "rotation_range": 10.0,
    "zoom_range": (0.9, 1.1),
    "shift_range": 0.1,
    "shear_range": 8.0,
}


def main() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, 28, 28, 1), dtype=np.uint8)
    codes = np.arange(N) % 10

    def through(distortion):
        data = DigitBatches(
            images, codes, None, pixel_range=(0.0, 255.0), batch_size=256, distortion=distortion,
            shuffle=True,
        )  # fmt: skip
        return lambda: [data[i] for i in range(len(data))]

    generator = tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=10, zoom_range=0.1, width_shift_range=0.1, height_shift_range=0.1,
        shear_range=8, rescale=1 / 255,
    )  # fmt: skip
    flow = generator.flow(images.astype(np.float32), codes, batch_size=256)
    calls = {
        "none (scaling alone)": through(None),
        "affine": through(Distortion(**AFFINE)),
        "affine and elastic": through(Distortion(**AFFINE, elastic_alpha=12.0)),
        "ImageDataGenerator, affine": lambda: [flow[i] for i in range(len(flow))],
    }
    print_header("keras", "tensorflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        seconds = in_turn(calls, repeats=5)
    rows = [
        [
            name,
            f"{N / statistics.median(times):,.0f}",
            f"{1 / ratio(seconds, name, 'ImageDataGenerator, affine'):.1f}",
        ]
        for name, times in seconds.items()
    ]
    print_table(["distortion", "images/s", "to ImageDataGenerator"], rows)


if __name__ == "__main__":
    main()
