"""Pictures of a training, of digits, of errors and of what a classifier looks at.

They follow scikit-learn's displays: a class method computes what is to be seen and draws it, the
attributes hold the numbers and what was drawn, and `plot` draws them again, elsewhere or otherwise.
matplotlib is imported when something is drawn; it comes with the extra ``plots``.
"""

from digitcnn.confusion_display import ConfusionDisplay
from digitcnn.coverage_display import CoverageDisplay
from digitcnn.digit_displays import DigitGridDisplay, DistortionDisplay
from digitcnn.error_display import ErrorGalleryDisplay
from digitcnn.reliability_display import ReliabilityDisplay
from digitcnn.saliency import OcclusionDisplay, occlusion_map
from digitcnn.training_display import TrainingCurveDisplay

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
