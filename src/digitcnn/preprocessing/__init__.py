"""Transformers that stand before a classifier."""
