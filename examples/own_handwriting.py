"""
Teach the model your handwriting
================================

The model in the package has not seen every handwriting. This example teaches it the digits of a
writer with an unusual slant, ten of each class, without forgetting how others write.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

import digitcnn
from digitcnn import DigitCNNClassifier

X, y = digitcnn.datasets.load_sample_digits()

# %%
# An unusual handwriting
# ----------------------
#
# The writer is made up: the bundled digits, leaning to the left, drawn with a thick pen.


def lean(picture):
    slope = -np.tan(np.radians(40))
    leaning = ndimage.affine_transform(
        picture.astype(float), [[1, 0], [slope, 1]], [0, -slope * 13.5], order=1
    )
    return ndimage.grey_dilation(leaning, (2, 2))


mine = np.array([lean(one) for one in X.reshape(-1, 28, 28)])
mine = np.clip(mine, 0, 255).astype(np.uint8).reshape(len(X), -1)

figure, axes = plt.subplots(2, 10, figsize=(8, 1.8))
for digit, (above, below) in enumerate(axes.T):
    row = np.flatnonzero(y == digit)[0]
    for ax, pictures in ((above, X), (below, mine)):
        ax.imshow(pictures[row].reshape(28, 28), cmap="gray_r")
        ax.set_axis_off()

# %%
# Ten digits of each class
# ------------------------
#
# The writer labels ten digits of each class. The others measure the accuracy.

learned = np.concatenate([np.flatnonzero(y == digit)[:10] for digit in range(10)])
rest = np.setdiff1d(np.arange(len(y)), learned)

before = digitcnn.load_pretrained()
after = DigitCNNClassifier(init="pretrained", random_state=0).fit(mine[learned], y[learned])

for name, pictures in (("this hand", mine), ("others", X)):
    scores = [clf.score(pictures[rest], y[rest]) for clf in (before, after)]
    print(f"{name}: {scores[0]:.1%} before, {scores[1]:.1%} after")

# %%
# From random weights
# -------------------
#
# A network that is trained on the same hundred digits alone reads this handwriting less well, and
# others hardly at all.

alone = DigitCNNClassifier(random_state=0).fit(mine[learned], y[learned])
for name, pictures in (("this hand", mine), ("others", X)):
    print(f"{name}: {alone.score(pictures[rest], y[rest]):.1%} from random weights")
