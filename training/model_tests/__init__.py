import charthand_training  # noqa: F401  before anything opens ONNX Runtime
