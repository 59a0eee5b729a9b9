"""The losses, accuracies and learning rates of a training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """Figures per epoch and per batch.

    Parameters
    ----------
    epochs : dict of str to list of float
        For each epoch ``loss``, ``accuracy``, ``learning_rate`` and, with validation data,
        ``val_loss`` and ``val_accuracy``. A user's model may add metrics.
    batch_losses : list of float
        The mean loss of each batch.
    is_interrupted : bool, default=False
        Whether an interrupt ended the last training.

    Examples
    --------
    >>> from digitcnn.training.history import History
    >>> history = History({"loss": [0.5]}).followed_by(History({"loss": [0.25]}, [0.3, 0.2]))
    >>> history.n_epochs, history.epochs
    (2, {'loss': [0.5, 0.25]})
    """

    epochs: dict[str, list[float]] = field(default_factory=dict)
    batch_losses: list[float] = field(default_factory=list)
    is_interrupted: bool = False

    @property
    def n_epochs(self) -> int:
        """Epochs trained."""
        return len(self.epochs.get("loss", []))

    def add_epoch(self, figures: Mapping[str, Any]) -> None:
        """Append the figures of one epoch."""
        for name, value in figures.items():
            self.epochs.setdefault(name, []).append(float(value))

    def followed_by(self, later: "History") -> "History":
        """A new history: this one followed by a later one."""
        names = {**self.epochs, **later.epochs}
        return History(
            {name: self.epochs.get(name, []) + later.epochs.get(name, []) for name in names},
            self.batch_losses + later.batch_losses,
            later.is_interrupted,
        )
