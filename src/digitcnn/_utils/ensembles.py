"""The networks of a model: a single classifier's, or those that an ensemble averages."""

from typing import Any


def last_step(model: Any) -> Any:
    """The classifier: the last step of a pipeline, or the model itself."""
    return model.steps[-1][1] if hasattr(model, "steps") else model


def networks_of(model: Any) -> list[Any]:
    """The networks of a fitted model: an ensemble's members, or the model itself.

    Parameters
    ----------
    model : DigitCNNClassifier, VotingClassifier or Pipeline
        For a pipeline, its last step's networks.
    """
    clf = last_step(model)
    networks: list[Any] = getattr(clf, "estimators_", [clf])
    return networks


def named_networks(clf: Any, refusal: str) -> dict[str, Any]:
    """The networks of a fitted model by name, provided that it predicts their mean.

    Parameters
    ----------
    clf : DigitCNNClassifier or VotingClassifier
        A single network has an empty name.
    refusal : str
        What cannot be done with other estimators, for the error.

    Raises
    ------
    ValueError
        If it is another estimator, or an ensemble that votes in another way.
    """
    # Imported here: `networks_of` alone does not need scikit-learn.
    from sklearn.ensemble import VotingClassifier
    from sklearn.utils.validation import check_is_fitted

    is_ensemble = isinstance(clf, VotingClassifier)
    # An ensemble knows its classes before its members are trained.
    check_is_fitted(clf, "estimators_" if is_ensemble else None)
    networks = networks_of(clf) if is_ensemble else [clf]
    is_mean = not is_ensemble or (clf.voting == "soft" and clf.weights is None)
    if not is_mean or not all(hasattr(one, "_trainer") for one in networks):
        found = " ".join(repr(clf).split())
        raise ValueError(
            "expected a DigitCNNClassifier, or a VotingClassifier(voting='soft') of them without "
            f"weights, got {found}, which {refusal}"
        )
    # From the fitted members: `estimators` may also name members that were dropped.
    fitted = clf.named_estimators_ if is_ensemble else {"": clf}
    names = [name for name, one in fitted.items() if one != "drop"]
    return dict(zip(names, networks, strict=True))
