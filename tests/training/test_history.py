"""The figures of a training."""

from hypothesis import given
from hypothesis import strategies as st

from digitcnn.training.history import History

figures = st.dictionaries(st.sampled_from(["loss", "accuracy", "own"]), st.floats(0, 9))
histories = st.builds(
    lambda epochs, losses: _history(epochs, losses),
    st.lists(figures, max_size=4),
    st.lists(st.floats(0, 9), max_size=4),
)


def _history(epochs, losses):
    history = History(batch_losses=losses)
    for one in epochs:
        history.add_epoch({"loss": 0.5, **one})
    return history


@given(histories, histories)
def test_one_history_after_another_changes_neither(one, other):
    before = str((one, other))
    both = one.followed_by(other)
    assert both.n_epochs == one.n_epochs + other.n_epochs
    assert both.batch_losses == one.batch_losses + other.batch_losses
    both.add_epoch({"loss": 1.0})
    both.batch_losses.append(1.0)
    assert str((one, other)) == before


def test_figures_are_numbers_of_python_and_none_is_an_epoch_of_none():
    import numpy as np

    history = History()
    assert history.n_epochs == 0
    history.add_epoch({"loss": np.float32(0.5)})
    assert history.epochs == {"loss": [0.5]}
    assert type(history.epochs["loss"][0]) is float
    assert history.n_epochs == 1
