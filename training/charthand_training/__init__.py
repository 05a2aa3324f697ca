"""Fine-tunes, exports and measures the models that charthand loads."""

import os

# Before any module opens ONNX Runtime, whose published builds otherwise write and send what they collect.
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"
