"""How often lines that are read with some probability are read rightly."""

import json
import math
from dataclasses import dataclass

_CLOSEST = 1e-6  # To 0 and to 1: how close a probability comes.


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured on lines that no training has seen.

    Attributes
    ----------
    slope, offset : float
        Of the logit of a line's probability: so it becomes how often such lines are right [1]_.
    thresholds : tuple of pairs of float (error, confidence)
        Of the lines with that confidence, or a higher one, this part was wrong. Errors rise.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines and comparisons to
       regularized likelihood methods", Advances in Large Margin Classifiers, MIT Press, 1999.
    """

    slope: float = 1.0
    offset: float = 0.0
    thresholds: tuple[tuple[float, float], ...] = ()

    def confidence(self, probability: float) -> float:
        """How sure a line is that is read with a probability."""
        p = min(max(probability, _CLOSEST), 1 - _CLOSEST)
        return 1 / (1 + math.exp(-(self.slope * math.log(p / (1 - p)) + self.offset)))

    def threshold(self, max_error: float) -> float:
        """The least confidence with which no larger part of the lines is wrong."""
        least = 1.0
        for error, confidence in self.thresholds:
            if error <= max_error:
                least = min(least, confidence)
        return least

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps([self.slope, self.offset, self.thresholds])

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """What `to_json` has written."""
        slope, offset, thresholds = json.loads(text)
        return cls(slope, offset, tuple((error, confidence) for error, confidence in thresholds))
