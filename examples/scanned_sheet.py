"""
Read the digits of a scanned sheet
==================================

A photo of a sheet has dark ink on unevenly lit paper, noise, and digits of various sizes at any
place. This example makes such a sheet, finds the digits with `scipy.ndimage`, redraws them with
`digitcnn.DigitNormalizer` and reads them. `digitcnn.DigitReader` does all of this in one call.
"""

# sphinx_gallery_thumbnail_number = 3

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from digitcnn import DigitCNNClassifier, DigitNormalizer
from digitcnn.datasets import load_sample_digits

# %%
# The sheet
# ---------
#
# Sixty digits of the bundled sample, in their original 8x8 pixels, are enlarged to different sizes,
# placed in rows of twelve, slightly out of line, and turned into dark ink. The light falls off
# towards one corner, and the camera adds noise.

X, y = load_sample_digits(normalize=False)
X_train, X_sheet, y_train, y_sheet = train_test_split(
    X, y, test_size=60, stratify=y, random_state=0
)

rng = np.random.default_rng(0)
ROWS, COLUMNS, CELL = 5, 12, 64
ink = np.zeros((ROWS * CELL, COLUMNS * CELL))
for i, digit in enumerate(X_sheet.reshape(-1, 8, 8) / 255.0):
    large = np.clip(ndimage.zoom(digit, rng.uniform(3.5, 5.5), order=3), 0, 1)
    row, column = divmod(i, COLUMNS)
    top, left = rng.integers(4, CELL - 3 - np.array(large.shape))
    place = np.s_[row * CELL + top :, column * CELL + left :]
    ink[place][: large.shape[0], : large.shape[1]] = large

height, width = ink.shape
light = 0.95 - 0.5 * (np.arange(height)[:, None] / height) * (np.arange(width) / width)
sheet = light * (1 - 0.75 * ink) + 0.03 * rng.standard_normal(ink.shape)
sheet = np.clip(255 * sheet, 0, 255).astype(np.uint8)

figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ax.imshow(sheet, cmap="gray", vmin=0, vmax=255)
ax.set_axis_off()

# %%
# Finding the digits
# ------------------
#
# No single threshold separates ink from paper here: ink in the light is brighter than paper in the
# dark. So estimate the paper first, by a morphological closing that fills everything thinner than a
# digit. Ink is what is clearly darker than this estimate. Strokes less than a few pixels apart
# belong together, and specks are dropped.

smooth = ndimage.gaussian_filter(sheet.astype(float), 1.5)
paper = ndimage.gaussian_filter(ndimage.grey_closing(smooth, size=(45, 45)), 10)
is_ink = smooth < 0.85 * paper
groups, _ = ndimage.label(ndimage.binary_dilation(is_ink, iterations=2))
boxes = [
    box
    for number, box in enumerate(ndimage.find_objects(groups), start=1)
    if (is_ink[box] & (groups[box] == number)).sum() > 40
]
print(f"{len(boxes)} digits were found, {len(y_sheet)} are there")

# %%
# Sort the digits by row, and from left to right in each row. Each keeps a margin of paper, by which
# the normaliser estimates the paper's brightness.


def reading_order(box):
    rows, columns = box
    return (rows.start + rows.stop) // 2 // CELL, columns.start


def with_margin(box, margin=4):
    return tuple(slice(max(0, side.start - margin), side.stop + margin) for side in box)


boxes = [with_margin(box) for box in sorted(boxes, key=reading_order)]
pictures = [sheet[box] for box in boxes]

# %%
# Redrawing and reading them
# --------------------------
#
# The normaliser takes a list of pictures of different sizes and redraws them in MNIST's form,
# whatever the light was. In a pipeline, the same step redraws the training digits: 600 digits that
# are not on the sheet, 8x8 pixels, light on dark.

reader = make_pipeline(
    DigitNormalizer(),
    DigitCNNClassifier(
        "relu-dropout", epochs=10, batch_size=32, learning_rate=0.003, random_state=0
    ),
)
reader.fit(X_train[:600], y_train[:600])

redrawn = reader["digitnormalizer"].transform(pictures)
figure, axes = plt.subplots(2, 12, figsize=(9, 1.8), layout="constrained")
for column, i in enumerate(range(48, 60)):
    axes[0, column].imshow(pictures[i], cmap="gray", vmin=0, vmax=255)
    axes[1, column].imshow(redrawn[i].reshape(28, 28), cmap="gray")
for ax in axes.flat:
    ax.set_axis_off()
figure.suptitle("the last row, as it was cut out and as it was redrawn")

# %%
# Because the normaliser is part of the pipeline, you can pass the pictures as they were cut out.
# Without it, you would have to make pictures of 28x28 pixels with the digit in the right place.

labels = reader.predict(pictures)
is_right = labels == y_sheet
print(f"read correctly: {is_right.sum()} of {len(labels)}")

figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ax.imshow(sheet, cmap="gray", vmin=0, vmax=255)
for (rows, columns), label, right in zip(boxes, labels, is_right, strict=True):
    color = "tab:blue" if right else "tab:red"
    size = columns.stop - columns.start, rows.stop - rows.start
    ax.add_patch(plt.Rectangle((columns.start, rows.start), *size, fill=False, color=color))
    ax.text(columns.start, rows.start, label, color=color, weight="bold", va="bottom")
ax.set_axis_off()
