"""
Read the numbers on a page
==========================

This example reads a page of numbers, shows where the digits are, and restricts the numbers with a
pattern and a check digit.
"""

# %%
# The page
# --------
# The page is composed of the bundled digits: two amounts and a card number, on paper in uneven
# light. Your own photo, scan or PDF works the same way.

import matplotlib.pyplot as plt
import numpy as np

from digitcnn import DigitReader
from digitcnn.datasets import load_sample_digits

X, y = load_sample_digits()
digits = X.reshape(-1, 28, 28)
rng = np.random.default_rng(3)


def write(ink, text, row, column):
    """Write digits from a place on, each in another handwriting."""
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
# Lines, numbers and digits
# -------------------------
# Lines, numbers and digits each have a text, a confidence and a place. Digits with a confidence
# below 0.9 are orange in the picture.

reader = DigitReader()
found = reader.read(page)
for line in found.lines:
    for number in line.numbers:
        print(number.text, round(number.confidence, 3), [round(side) for side in number.box])

fig, ax = plt.subplots(figsize=(7, 3.5))
found.plot(ax=ax)
fig.tight_layout()

# %%
# Patterns and check digits
# -------------------------
# With a pattern the amounts get their decimal comma, although none is written, and the card number
# is left out. With a check digit, the reader takes the most probable number whose check digit is
# right.

print(DigitReader(pattern="##,## EUR").read(page).text)
print(DigitReader(check="luhn", length=11).read(page).text)

# %%
# Doubtful numbers
# ----------------
# ``masked`` replaces each digit below a confidence by a question mark.

print(found.masked(0.999))
