"""A network as plain data: how it is built, compiled and regularised, and where it computes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcnn.architectures import Architecture, choose_dropout, count_outputs, get_layers
from digitcnn.layers import BatchNormalization
from digitcnn.training.defaults import BATCH_SIZE, choose_learning_rate, choose_momentum

if TYPE_CHECKING:
    from digitcnn.backend.steps import Regularization


@dataclass(frozen=True)
class NetworkPlan:
    """A network: how it is built, compiled and regularised, and where it computes.

    Parameters
    ----------
    architecture : str or callable
    image_shape : tuple of int (height, width, channels)
    n_classes : int
        Number of outputs.
    pixel_range : tuple of two floats
        The pixel values that become 0 and 1.
    seed : int
        Seed of the initial weights, the dropout, the batches and the holdout set.
    dropout : float or None
        None uses the default of the architecture.
    momentum : float or None
        Momentum of batch normalisation; None uses the default of the architecture.
    precision : {"float32", "bfloat16"}
    optimizer : str or dict
        As in `digitcnn.backend.optimizers.make_optimizer`.
    learning_rate : float
        Learning rate of a named optimizer.
    weight_decay : float
        Weight decay of a named optimizer.
    label_smoothing : float
        Fraction of the target that is spread over all classes.
    device : str
        As in `digitcnn.backend.devices.device_scope`.
    """

    architecture: str | Callable[..., Any]
    image_shape: tuple[int, int, int]
    n_classes: int
    pixel_range: tuple[float, float]
    seed: int
    dropout: float | None
    momentum: float | None
    precision: str
    optimizer: str | dict[str, Any]
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    device: str

    @property
    def is_own(self) -> bool:
        """Whether the network is a user's rather than a named one."""
        return not isinstance(self.architecture, str)

    @property
    def start_learning_rate(self) -> float | None:
        """Initial learning rate of a training; None if a Keras optimizer has its own schedule."""
        if isinstance(self.optimizer, str):
            return self.learning_rate
        config = self.optimizer["config"]
        while "inner_optimizer" in config:  # an optimizer that scales the loss
            config = config["inner_optimizer"]["config"]
        rate = config["learning_rate"]
        return float(rate) if isinstance(rate, int | float) else None

    def build_options(self) -> dict[str, Any]:
        """The arguments of `digitcnn.backend.build.build`."""
        from digitcnn.backend.devices import POLICIES

        return {
            "architecture": self.architecture,
            "image_shape": self.image_shape,
            "n_classes": self.n_classes,
            "dropout": self.dropout,
            "momentum": self.momentum,
            "seed": self.seed,
            "dtype": POLICIES[self.precision],
        }

    def is_compiled_as(self, other: "NetworkPlan") -> bool:
        """Whether both differ in nothing but the learning rate, which is not compiled in."""
        return replace(self, learning_rate=0.0) == replace(other, learning_rate=0.0)

    def regularization(self) -> "Regularization":
        """Regularisation to set on a compiled network before it trains."""
        from digitcnn.backend.steps import Regularization

        dropout = choose_dropout(self.architecture, self.dropout)
        return Regularization(
            # The layers of a user's network keep their own dropout.
            dropout=None if self.is_own else dropout or None,
            # A user's optimizer keeps its own weight decay.
            weight_decay=self.weight_decay if isinstance(self.optimizer, str) else None,
            label_smoothing=self.label_smoothing,
        )

    def compile_key(self) -> str:
        """Key of a compiled network: everything that cannot be assigned later.

        It leaves out a user's architecture, which is identified by the model that it returns.
        """
        from digitcnn.backend.optimizers import kind_of
        from digitcnn.backend.steps import has_jax_steps, has_processor_steps

        regularization = self.regularization()._asdict()
        if not self.is_own and (
            has_processor_steps(self.device) or has_jax_steps(self.device, kind_of(self.optimizer))
        ):
            # The regularisation is an argument of these steps.
            regularization = {k: value is not None for k, value in regularization.items()}
        build = {k: v for k, v in self.build_options().items() if k not in ("seed", "dropout")}
        if self.is_own:
            del build["architecture"]
        return repr((sorted(build.items()), self.optimizer, regularization, self.device))


def plan_network(
    parameters: dict[str, Any],
    *,
    image_shape: tuple[int, int, int],
    pixel_range: tuple[float, float],
    n_classes: int,
    seed: int,
    goes_on: bool,
    n_batches: int | None = None,
) -> NetworkPlan:
    """Plan a network from the estimator's parameters.

    Parameters
    ----------
    parameters : dict
        The checked parameters.
    image_shape : tuple of int (height, width, channels)
    pixel_range : tuple of two floats
    n_classes : int
        Number of classes.
    seed : int
    goes_on : bool
        Whether the network has completed a training that this one continues.
    n_batches : int or None, default=None
        Number of training batches, including earlier trainings; None for prediction alone.
    """
    architecture, device = parameters["architecture"], parameters["device"]
    optimizer, rate = parameters["optimizer"], parameters["learning_rate"]
    precision = parameters["precision"]
    if precision != "float32":
        from digitcnn.backend.devices import resolve_precision

        precision = resolve_precision(precision, architecture, device)
    if not isinstance(optimizer, str):
        from digitcnn.backend.optimizers import describe_optimizer

        optimizer = describe_optimizer(optimizer)
    if rate == "auto":
        batch_size = parameters["batch_size"]
        batch_size = BATCH_SIZE if batch_size == "auto" else batch_size
        rate = choose_learning_rate(
            batch_size, goes_on=goes_on, has_init=parameters["init"] is not None and not goes_on
        )
    n_outputs, momentum = count_outputs(n_classes), None
    if isinstance(architecture, str) and n_batches is not None:
        momentum = _limit_momentum(get_layers(architecture, image_shape, n_outputs), n_batches)
    return NetworkPlan(
        architecture=architecture,
        image_shape=image_shape,
        n_classes=n_outputs,
        pixel_range=pixel_range,
        seed=seed,
        dropout=parameters["dropout"],
        momentum=momentum,
        precision=precision,
        optimizer=optimizer,
        learning_rate=float(rate),
        weight_decay=float(parameters["weight_decay"]),
        label_smoothing=float(parameters["label_smoothing"]),
        device=device,
    )


def _limit_momentum(layers: Architecture, n_batches: int) -> float | None:
    """The momentum for this number of batches, or None if that of the layers suits."""
    own = max((one.momentum for one in layers if isinstance(one, BatchNormalization)), default=0.0)
    limited = choose_momentum(own, n_batches)
    return limited if limited < own else None


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Draw a seed for the network; from the operating system if `random_state` is None."""
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return int(np.random.SeedSequence(random_state).generate_state(1)[0] >> 1)
