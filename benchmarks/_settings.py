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
# Test-time augmentation for a network whose recipe has none.
VIEWS = 16
