"""What is exported for inference answers as the model does, for every architecture and at any length."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from transformers import AutoModelForTokenClassification

from charthand_training import tiny
from charthand_training.export import export

LENGTHS = (2, 3, 17, 128, 200, 510)  # DeBERTa's distances have buckets of their own from 32 on here


class InferenceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def classifier(self, architecture: str, **settings) -> AutoModelForTokenClassification:
        """Writes a tiny classifier to `trained`, no weight of which is zero or one as when it is new."""
        tokenizer = tiny.tokenizer(architecture)
        config = tiny.config(architecture, tokenizer)
        for name, value in settings.items():
            setattr(config, name, value)
        torch.manual_seed(3)
        model = AutoModelForTokenClassification.from_config(config).eval()
        with torch.no_grad():
            for weights in model.parameters():
                weights += 0.1 * torch.randn_like(weights)
        model.save_pretrained(self.folder / "trained")
        tokenizer.save_pretrained(self.folder / "trained")
        return model

    def exported(self, quantise: bool) -> onnxruntime.InferenceSession:
        export(self.folder / "trained", self.folder / "model", quantise)
        return onnxruntime.InferenceSession(str(self.folder / "model" / "model.onnx"))

    def assert_same(self, model, session) -> None:
        for length in LENGTHS:
            ids = torch.randint(5, model.config.vocab_size, (1, length))
            with torch.no_grad():
                expected = model(ids).logits.numpy()
            np.testing.assert_allclose(session.run(None, {"input_ids": ids.numpy()})[0], expected, atol=1e-4)

    def test_every_architecture(self):
        for architecture in tiny.ARCHITECTURES:
            with self.subTest(architecture):
                model = self.classifier(architecture)
                self.assert_same(model, self.exported(quantise=False))
                kinds = [node.op_type for node in onnx.load(str(self.folder / "model" / "model.onnx")).graph.node]
                if architecture != "deberta-v2":
                    self.assertEqual((kinds.count("MultiHeadAttention"), kinds.count("LayerNormalization")), (2, 0))
                    self.assertNotIn("Transpose", kinds)

    def test_deberta_of_other_kinds(self):
        for settings in (
            {"pos_att_type": ["c2p"]},
            {"pos_att_type": ["p2c"]},
            {"share_att_key": False},
            {"position_buckets": -1},
            {"max_relative_positions": 100},
            {"norm_rel_ebd": "none"},
            {"conv_kernel_size": 3},
            {"relative_attention": False},
            {"position_biased_input": True, "type_vocab_size": 2},
        ):
            with self.subTest(str(settings)):
                self.assert_same(self.classifier("deberta-v2", **settings), self.exported(quantise=False))

    def test_eight_bits(self):
        for architecture in tiny.ARCHITECTURES:
            with self.subTest(architecture):
                model, session = self.classifier(architecture), self.exported(quantise=True)
                ids = torch.randint(5, model.config.vocab_size, (1, 300))
                found = session.run(None, {"input_ids": ids.numpy()})[0]
                with torch.no_grad():
                    expected = model(ids).logits.numpy()
                self.assertLess(np.abs(found - expected).mean(), 0.1 * np.abs(expected).std())
                weights = onnx.load(str(self.folder / "model" / "model.onnx")).graph.initializer
                large = [w for w in weights if np.prod(w.dims) > 48 * 48]
                self.assertLessEqual({w.data_type for w in large}, {onnx.TensorProto.INT8, onnx.TensorProto.UINT8})

    def test_what_cannot_be_exported_is_refused(self):
        from charthand_training import inference

        self.classifier("bert")
        attend = inference.MultiHeadAttention.symbolic
        self.addCleanup(setattr, inference.MultiHeadAttention, "symbolic", attend)
        inference.MultiHeadAttention.symbolic = staticmethod(lambda g, query, key, value, heads, scale: attend(g, query, key, value, heads, 9.0))
        with self.assertRaisesRegex(ValueError, "does not answer as the model"):
            self.exported(quantise=False)


if __name__ == "__main__":
    unittest.main()
