"""A training as plain data: everything that determines its result.

The plan is made from the estimator's parameters and the data, before the training starts. The key
of a compiled network and the fingerprint of a checkpoint are derived from it.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from digitcnn._utils.identity import as_plain
from digitcnn._utils.images import with_channels
from digitcnn._utils.parameters import RULES
from digitcnn.training.defaults import count_batches
from digitcnn.training.network_plan import NetworkPlan

if TYPE_CHECKING:
    from digitcnn.augmentation.distortion import Distortion

# Parameters that a plan takes unchanged.
_AS_GIVEN = (
    "epochs",
    "batch_size",
    "corruption_rate",
    "validation_fraction",
    "schedule",
    "plateau_factor",
    "plateau_patience",
    "min_learning_rate",
    "early_stopping",
    "n_iter_no_change",
)
# Image side, in pixels, that the parameters of the elastic distortion refer to.
_ELASTIC_SIDE = 28


@dataclass(frozen=True)
class TrainingPlan:
    """A training of a network.

    Parameters
    ----------
    network : NetworkPlan
    epochs : int
    batch_size : int
    n_batches : int
        In an epoch.
    distortion : Distortion
    corruption_rate : float
    validation_fraction : float or None
        Fraction of the data that is held out.
    schedule : {"one_cycle", "plateau"} or None
    plateau_factor, plateau_patience, min_learning_rate : float, int, float
        Parameters of the plateau schedule.
    early_stopping : bool
    n_iter_no_change : int
        Patience of early stopping, in epochs.
    further : dict
        Additional parameters of a subclass of the estimator.
    """

    network: NetworkPlan
    epochs: int
    batch_size: int
    n_batches: int
    distortion: "Distortion"
    corruption_rate: float
    validation_fraction: float | None
    schedule: str | None
    plateau_factor: float
    plateau_patience: int
    min_learning_rate: float
    early_stopping: bool
    n_iter_no_change: int
    further: dict[str, Any]

    def fingerprint(self, *, with_seed: bool) -> dict[str, Any]:
        """The plan as JSON data: equal for equal trainings, in other processes too.

        Parameters
        ----------
        with_seed : bool
            False leaves out a seed that was drawn at random.

        Raises
        ------
        ValueError
            If the value of a parameter cannot be identified.
        """
        from digitcnn.backend.optimizers import make_optimizer

        network = {**_fields(self.network), **_fields(self.distortion)}
        if not with_seed:
            del network["seed"]
        if not isinstance(self.network.optimizer, str):
            network["optimizer"] = make_optimizer(self.network.optimizer)
        own = {k: v for k, v in _fields(self).items() if k not in ("network", "distortion")}
        further = own.pop("further")
        return {k: _identify(k, v) for k, v in {**network, **own, **further}.items()}


def plan_training(
    parameters: dict[str, Any], network: NetworkPlan, *, n_images: int, has_validation: bool
) -> TrainingPlan:
    """Plan a training from the estimator's parameters.

    Parameters
    ----------
    parameters : dict
        The checked parameters, with numbers instead of "auto": see `digitcnn.training.defaults`.
    network : NetworkPlan
    n_images : int
        Images to train on.
    has_validation : bool
        Whether there is validation data.

    Raises
    ------
    ValueError
        If parameters contradict each other.
    """
    if parameters["early_stopping"] and not has_validation:
        raise ValueError(
            "expected validation data with early_stopping=True, got none. Give "
            "validation_fraction, or X_val and y_val to fit"
        )
    schedule = parameters["schedule"]
    if schedule is not None and network.start_learning_rate is None:
        raise ValueError(
            "expected one schedule of the learning rate, got the optimizer's own and "
            f"schedule={schedule!r}. Give schedule=None"
        )
    return TrainingPlan(
        network=network,
        n_batches=count_batches(n_images, parameters["batch_size"]),
        distortion=plan_distortion(parameters, network.image_shape),
        further={name: value for name, value in parameters.items() if name not in RULES},
        **{name: parameters[name] for name in _AS_GIVEN},
    )


def plan_distortion(parameters: dict[str, Any], image_shape: tuple[int, ...]) -> "Distortion":
    """Plan the distortion of training images, in proportion to their size.

    Parameters
    ----------
    parameters : dict
        The checked parameters.
    image_shape : tuple of int (height, width, channels)
    """
    from digitcnn.augmentation.distortion import Distortion

    zoom = parameters["zoom_range"]
    low, high = zoom if isinstance(zoom, tuple | list) else (1 - zoom, 1 + zoom)
    scale = min(image_shape[:2]) / _ELASTIC_SIDE
    return Distortion(
        rotation_range=parameters["rotation_range"],
        zoom_range=(float(low), float(high)),
        shift_range=parameters["shift_range"],
        shear_range=parameters["shear_range"],
        # Smoothing over fewer pixels leaves a larger field, in inverse proportion.
        elastic_alpha=parameters["elastic_alpha"] * scale**2,
        elastic_sigma=parameters["elastic_sigma"] * scale,
        fill_mode=parameters["fill_mode"],
    )


def check_goes_on(
    was: dict[str, Any],
    now: dict[str, Any],
    image_shape: tuple[int, int, int],
    pixel_range: tuple[float, float],
) -> None:
    """Refuse parameters that only a new network can have.

    Parameters
    ----------
    was : dict
        Parameters that the network was trained with.
    now : dict
        Parameters of the training that continues.
    image_shape : tuple of int (height, width, channels)
        Shape of the network's images.
    pixel_range : tuple of two floats
        Pixel range of the network.

    Raises
    ------
    ValueError
        If one of them has changed.
    """
    sides = now["image_shape"]
    in_use: dict[str, Any] = {"pixel_range": pixel_range}
    if not isinstance(sides, str) and with_channels(tuple(sides)) == image_shape:
        in_use["image_shape"] = sides
    for name in ("architecture", "image_shape", "pixel_range"):
        if not (_are_same(was[name], now[name]) or _are_same(in_use.get(name), now[name])):
            raise ValueError(
                f"expected {name}={was[name]!r}, with which the network was trained, got "
                f"{now[name]!r}: a training that goes on cannot change it. Set it back, or fit a "
                "clone of this estimator (sklearn.base.clone), which starts from scratch"
            )


def _fields(plan: Any) -> dict[str, Any]:
    """A dataclass as a dict, one level deep."""
    return {field.name: getattr(plan, field.name) for field in fields(plan)}


def _identify(name: str, value: Any) -> Any:
    """Identify the value of a parameter for a checkpoint."""
    try:
        return as_plain(value)
    except ValueError as error:
        raise ValueError(
            f"{name}: {error}, and a checkpoint must tell two trainings apart. Give a function of "
            "plain values, or leave checkpoint_dir out"
        ) from None


def _are_same(one: Any, other: Any) -> bool:
    """Whether two values of a parameter are equal."""
    if one is other:
        return True
    try:
        return bool(as_plain(one) == as_plain(other))
    except ValueError:  # a value that cannot be identified
        return False
