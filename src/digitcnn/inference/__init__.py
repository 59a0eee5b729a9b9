"""Stored networks as ONNX graphs, without Keras."""
