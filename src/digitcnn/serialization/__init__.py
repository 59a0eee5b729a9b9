"""Fitted estimators as files: model files and ONNX graphs."""
