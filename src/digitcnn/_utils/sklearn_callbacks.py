"""scikit-learn's callbacks, which scikit-learn has from version 1.9 on."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

_Method = TypeVar("_Method", bound=Callable[..., Any])

if TYPE_CHECKING:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin

    def with_callbacks(method: _Method) -> _Method: ...


else:
    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:  # pragma: no cover - `tox -e lowest` tests it

        class CallbackSupportMixin:
            """A stand-in without `set_callbacks`, for older versions of scikit-learn."""

        def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
            """Call the method from a wrapper, as scikit-learn does: warnings count the frames."""

            @wraps(method)
            def call(*arguments: Any, **more: Any) -> Any:
                return method(*arguments, **more)

            return call


# Attributes that scikit-learn sets on an estimator during `fit`, to tear down its callbacks.
CALLBACK_STATE = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")


def has_callbacks(estimator: Any) -> bool:
    """Whether callbacks were set on an estimator."""
    return bool(getattr(estimator, "_skl_callbacks", ()))


class FitTask:
    """Forwards the begin, the epochs and the end of a fit to scikit-learn's callbacks.

    Parameters
    ----------
    estimator : DigitCNNClassifier
        The estimator that is being fitted.
    epochs : int
        The maximum number of epochs.
    data : dict
        ``X``, ``y`` and ``metadata`` of the fit.
    """

    def __init__(self, estimator: Any, epochs: int, data: dict[str, Any]) -> None:
        self._data = {"estimator": estimator, **data}
        self._context: Any = None
        self._epoch: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self._context = estimator._init_callback_context(max_subtasks=epochs)

    @property
    def is_followed(self) -> bool:
        """Whether the estimator has callbacks."""
        return has_callbacks(self._data["estimator"])

    def begin(self) -> None:
        if self._context is not None:
            self._context.call_on_fit_task_begin(**self._data)

    def begin_epoch(self) -> None:
        if self._context is not None:
            self._epoch = self._context.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._data)

    def end_epoch(self, fitted: Callable[[], dict[str, Any]]) -> bool:
        """Whether a callback requests a stop. `fitted` returns the attributes after this epoch."""
        if self._epoch is None:
            return False
        epoch, self._epoch = self._epoch, None
        return bool(epoch.call_on_fit_task_end(**self._data, reconstruction_attributes=fitted))

    def end(self) -> None:
        """End the fit, and the epoch too if Ctrl-C interrupted it."""
        self.end_epoch(dict)
        if self._context is not None:
            self._context.call_on_fit_task_end(**self._data, reconstruction_attributes={})
