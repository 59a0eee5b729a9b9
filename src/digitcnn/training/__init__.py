"""Training a network: the loop, schedules, progress, checkpoints, and SciKeras's part in it."""


def clear_cache() -> None:
    """Forget the compiled networks that are kept for reuse. Fitted estimators lose nothing.

    Examples
    --------
    >>> from digitcnn.training import clear_cache
    >>> clear_cache()
    """
    # Here and not above: what reads a checkpoint needs no Keras.
    from digitcnn.backend import cache

    cache.clear_cache()
