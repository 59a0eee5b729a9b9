"""
Read the numbers on a page
==========================

A page of numbers, its digits and their places, and what a pattern and a check digit are good for.
"""

# %%
# The page
# --------
# It is composed here of the digits that come with the package: two amounts and the number of a
# card, on paper in uneven light. A photo, a scan or a PDF of yours does as well.

import matplotlib.pyplot as plt
import numpy as np

from digitcnn import DigitReader
from digitcnn.datasets import load_sample_digits

X, y = load_sample_digits()
digits = X.reshape(-1, 28, 28)
rng = np.random.default_rng(3)


def write(ink, text, row, column):
    """Write the digits of a text from a place on, each by another hand."""
    for sign in text:
        if sign != " ":
            glyph = digits[rng.choice(np.flatnonzero(y == int(sign)))]
            place = ink[row : row + 28, column : column + 28]
            np.maximum(place, glyph, out=place)
        column += 24


ink = np.zeros((260, 520), np.uint8)
write(ink, "1250", 30, 40)
write(ink, "4995", 100, 40)
write(ink, "79927398713", 170, 40)
rows, columns = np.indices(ink.shape)
light = 240 - 0.15 * columns - 0.1 * rows
page = (light * (1 - 0.7 * ink / 255.0)).astype(np.uint8)

# %%
# What is read
# ------------
# Lines, numbers and digits have a text, a confidence and a place. What is less sure than 0.9 is
# orange in the picture.

reader = DigitReader()
found = reader.read(page)
for line in found.lines:
    for number in line.numbers:
        print(number.text, round(number.confidence, 3), [round(side) for side in number.box])

fig, ax = plt.subplots(figsize=(7, 3.5))
found.plot(ax=ax)
fig.tight_layout()

# %%
# What a number may be
# --------------------
# With a pattern the amounts get their decimal comma, though none is written, and the card's number
# is left out. With a check digit the most probable number with a right one is taken.

print(DigitReader(pattern="##,## EUR").read(page).text)
print(DigitReader(check="luhn", length=11).read(page).text)

# %%
# Doubtful numbers
# ----------------
# A question mark stands for each digit that is less sure than you want.

print(found.masked(0.999))
