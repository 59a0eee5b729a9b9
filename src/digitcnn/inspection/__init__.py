"""Displays of a training, of digits, of errors, and of the evidence that a classifier uses.

They follow scikit-learn's displays: a class method computes the numbers and draws them, attributes
contain the numbers and the drawn artists, and `plot` draws them again, in other axes or another
style. matplotlib is imported on the first drawing; the extra ``plots`` installs it.
"""

from digitcnn.inspection._confusion import ConfusionDisplay
from digitcnn.inspection._coverage import CoverageDisplay
from digitcnn.inspection._digits import DigitGridDisplay
from digitcnn.inspection._distortion import DistortionDisplay
from digitcnn.inspection._errors import ErrorGalleryDisplay
from digitcnn.inspection._occlusion import OcclusionDisplay, occlusion_map
from digitcnn.inspection._reliability import ReliabilityDisplay
from digitcnn.inspection._training_curve import TrainingCurveDisplay

__all__ = [
    "ConfusionDisplay",
    "CoverageDisplay",
    "DigitGridDisplay",
    "DistortionDisplay",
    "ErrorGalleryDisplay",
    "OcclusionDisplay",
    "ReliabilityDisplay",
    "TrainingCurveDisplay",
    "occlusion_map",
]
