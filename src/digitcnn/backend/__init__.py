"""Everything that uses Keras: devices, compiled steps, optimizers, a cache of networks."""

import os

from digitcnn.backend.start_up import quiet_start_up


def import_keras() -> None:
    """Import Keras without its log messages, with a clear error if that fails.

    Raises
    ------
    ImportError
        If Keras, or the backend that is configured, cannot be imported.
    """
    try:
        with quiet_start_up():
            import keras  # noqa: F401
    except (ImportError, ValueError) as error:
        backend = os.environ.get("KERAS_BACKEND")
        setting = f"KERAS_BACKEND={backend!r}" if backend else "the backend of its keras.json"
        raise ImportError(
            f"Keras cannot be imported with {setting}: {error}. Expected a backend that is "
            "installed: 'tensorflow', 'jax' or 'torch'"
        ) from error
