"""Parameters that several benchmarks give the estimator."""

# No distortions and no corruptions of the training images.
STILL = {
    "rotation_range": 0.0,
    "zoom_range": 0.0,
    "shift_range": 0.0,
    "shear_range": 0.0,
    "elastic_alpha": 0.0,
    "corruption_rate": 0.0,
}
# In which a digit is looked at once more, by a network whose recipe looks at it once.
VIEWS = 16
