import numpy as np
import pytest
from keras import ops

from digitcnn.augmentation.batches import DigitBatches
from digitcnn.augmentation.distortion import Distortion

STRONG = {"rotation_range": 20, "zoom_range": (0.8, 1.2), "shift_range": 0.1, "shear_range": 10}


def both(images, y, **parameters):
    """An epoch's batches as they are made on the processor, and as for an accelerator."""
    parameters = {"pixel_range": (0.0, 255.0), "batch_size": 32, "shuffle": True, **parameters}
    weights = np.linspace(0.5, 1.5, len(y), dtype=np.float32)
    for accelerator in (None, "auto"):
        made = DigitBatches(images, y, weights, accelerator=accelerator, **parameters)
        yield [(ops.convert_to_numpy(one), *rest) for one, *rest in made.in_order()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("distortion", "corruption_rate"),
    [
        (Distortion(**STRONG, elastic_alpha=16.0), 0.2),
        (Distortion(**STRONG, elastic_alpha=16.0), 0.0),
        (Distortion(**STRONG, fill_mode="constant"), 1.0),
        (Distortion(), 0.5),
    ],
)
@pytest.mark.parametrize("n", [7, 70, 300])
def test_batches_are_those_of_the_processor(digits, n, distortion, corruption_rate):
    images, y = digits[0][:n].reshape(-1, 8, 8, 1), digits[1][:n]
    here, there = both(images, y, distortion=distortion, corruption_rate=corruption_rate)
    assert len(here) == len(there)
    for (one, codes, weights), (other, codes_there, weights_there) in zip(here, there, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-4)
        np.testing.assert_array_equal(codes_there, codes)
        np.testing.assert_array_equal(weights_there, weights)


@pytest.mark.slow
def test_images_in_colour_not_square_and_on_another_scale_are_made_alike():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (20, 12, 9, 3)).astype(np.float32)
    here, there = both(
        images,
        np.arange(20),
        batch_size=8,
        pixel_range=(-1.0, 1.0),
        distortion=Distortion(**STRONG, elastic_alpha=4.0),
        corruption_rate=0.5,
    )
    for (one, *_), (other, *_) in zip(here, there, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-4)


@pytest.mark.parametrize("accelerator", [None, "auto"])
def test_epoch_that_nobody_takes_to_its_end_leaves_no_thread(digits, accelerator):
    import threading

    images, y = digits[0].reshape(-1, 8, 8, 1), digits[1]
    data = DigitBatches(
        images,
        y,
        None,
        pixel_range=(0.0, 255.0),
        batch_size=16,
        distortion=Distortion(**STRONG),
        accelerator=accelerator,
    )
    before = threading.active_count()
    epoch = data.in_order()
    next(epoch)
    epoch.close()
    assert threading.active_count() <= before
