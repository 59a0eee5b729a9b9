"""Helpers that every package may use: parameters, images, files, worker processes."""
