"""Keras's side: devices, compiled steps, optimizers, the cache of compiled networks."""
