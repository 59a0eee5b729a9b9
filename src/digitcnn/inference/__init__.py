"""Networks as ONNX graphs, and their predictions without Keras."""
