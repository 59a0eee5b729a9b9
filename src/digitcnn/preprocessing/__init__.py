"""Transformers for the steps before a classifier."""
