"""The epochs of several trainings at once."""

from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from digitcnn._utils.identity import digest_arrays
from digitcnn.backend.cache import CompiledNetwork, get_values, state_variables
from digitcnn.backend.jax import Values
from digitcnn.training.history import History
from digitcnn.training.joint import Training
from digitcnn.training.schedules import one_cycle
from digitcnn.training.stored_network import StoredNetwork
from digitcnn.training.trainer import make_training_batches

if TYPE_CHECKING:
    from digitcnn.augmentation.batches import DigitBatches


class Epochs:
    """The epochs of trainings with one program.

    Parameters
    ----------
    trainings : list of Training
        Their networks differ only in numbers, and their numbers of epochs and batch sizes are
        equal.
    compiled : CompiledNetwork
        A network like theirs.
    starts : list of lists of ndarray
        The state of each network before the training: see `start_states`.

    Attributes
    ----------
    histories : list of History
        The figures of each training.
    """

    def __init__(
        self,
        trainings: list[Training],
        compiled: CompiledNetwork,
        starts: list[list[np.ndarray]],
    ) -> None:
        self.steps = compiled.joint_steps
        self.plans = [one.plan for one in trainings]
        self.histories: list[History] = [History() for _ in trainings]
        self.state = self.steps.stack(starts)
        self.batches, self.source = _make_batches(trainings)
        regularization = [plan.network.regularization() for plan in self.plans]
        self.values = [
            None if column[0] is None else np.array(column, np.float32)
            for column in zip(*regularization, strict=True)
        ]

    def states(self) -> list[list[np.ndarray]]:
        """The present state of each network, as `StoredNetwork.get_state` returns it."""
        return self.steps.unstack(self.state)

    def run(self, epoch: int) -> None:
        """Train all networks for one epoch."""
        figures: list[list[tuple[int, Any, int]]] = [[] for _ in self.plans]
        rates = np.zeros(len(self.plans), np.float32)
        under_way = [one.in_order() for one in self.batches]
        for step in range(max(map(len, self.batches))):
            made = [next(one, None) for one in under_way]
            # The last batch of each fold may have another size, or be missing.
            sizes = [0 if batch is None else len(batch[1]) for batch in made]
            for size in sorted(set(sizes) - {0}):
                ready = [i for i, its in enumerate(sizes) if its == size]
                chosen = [k for k, its in enumerate(self.source) if its in ready]
                rates[chosen] = [self._rate(k, epoch, step) for k in chosen]
                result = self._step(chosen, rates[chosen], [made[i] for i in ready], ready)
                for place, k in enumerate(chosen):
                    figures[k].append((size, result, place))
        for one in self.batches:
            one.on_epoch_end()
        for k, history in enumerate(self.histories):
            _note_epoch(history, figures[k], float(rates[k]))

    def _rate(self, k: int, epoch: int, step: int) -> float:
        plan = self.plans[k]
        rate = plan.network.learning_rate
        if plan.schedule is None:
            return rate
        done = epoch * plan.n_batches + step
        return rate * one_cycle((done + 0.5) / (plan.epochs * plan.n_batches))

    def _step(
        self, chosen: list[int], rates: np.ndarray, batches: list[Any], ready: list[int]
    ) -> Any:
        images = ops.stack([batch[0] for batch in batches])
        y_encoded = np.stack([batch[1] for batch in batches])
        weights = np.stack(
            [np.ones(len(b[1]), np.float32) if len(b) < 3 else b[2] for b in batches]
        )
        are_all = len(chosen) == len(self.plans)
        values = Values(*(None if one is None else one[chosen] for one in self.values))
        sources = np.searchsorted(ready, self.source[chosen])
        self.state, figures = self.steps.train(
            self.state,
            None if are_all else np.array(chosen),
            rates,
            values,
            (images, y_encoded, weights),
            sources,
        )
        return figures


def start_states(
    networks: list[StoredNetwork], compiled: CompiledNetwork
) -> list[list[np.ndarray]]:
    """The state of each network before its training.

    Parameters
    ----------
    networks : list of StoredNetwork
    compiled : CompiledNetwork
        A network like theirs. Its state is changed.
    """
    compiled.is_used = True  # it has the state of one of them
    made: dict[tuple[int, str], list[np.ndarray]] = {}
    starts = []
    for network in networks:
        key = network.plan.seed, digest_arrays(network.kept_weights() or [])
        if key not in made:
            network.fill(compiled)
            made[key] = get_values(state_variables(compiled.model))
        starts.append(made[key])
    return starts


def _make_batches(trainings: list[Training]) -> tuple[list["DigitBatches"], np.ndarray]:
    """The batches of all networks, each kind once, and which of them each network gets."""
    made: dict[Any, DigitBatches] = {}
    source = []
    for training in trainings:
        plan, network = training.plan, training.plan.network
        data = tuple(id(array) for array in training.data())  # equal arrays are one
        key = (*data, network.seed, network.pixel_range, plan.distortion, plan.corruption_rate)
        if key not in made:
            made[key] = make_training_batches(plan, *training.data())
        source.append(list(made).index(key))
    return list(made.values()), np.array(source)


def _note_epoch(history: History, figures: list[tuple[int, Any, int]], rate: float) -> None:
    """Add the figures of an epoch: the size of each batch, its loss and number of right answers."""
    n_images = sum(size for size, _, _ in figures)
    loss = correct = 0.0
    for size, result, place in figures:
        its_loss, its_correct = map(float, np.asarray(result)[place])
        history.batch_losses.append(its_loss)
        loss += its_loss * size
        correct += its_correct
    history.add_epoch(
        {"accuracy": correct / n_images, "loss": loss / n_images, "learning_rate": rate}
    )
