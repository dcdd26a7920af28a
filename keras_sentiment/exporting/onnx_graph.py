"""Exports a Keras model on the torch backend to an ONNX graph of standard operators, also with int8 weights.

torch's exporter translates all operators but two, which are translated here. An `Einsum` with weights becomes
a `MatMul`, which runtimes can quantize and run faster. Attention becomes one `Attention` operator (ONNX opset
23), which runtimes can fuse.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnxscript
import torch
from onnxscript import opset23 as op

OPSET = 23


class Graph(torch.nn.Module):
    """A Keras model with positional arguments, as torch's exporters need it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, token_ids: torch.Tensor, padding_mask: torch.Tensor) -> torch.Tensor:
        """Maps two int32[batch, length] to logits float32[batch, num_classes]."""
        return self.model({"token_ids": token_ids, "padding_mask": padding_mask}, training=False)


def traced(model: Any, sequence_length: int) -> torch.export.ExportedProgram:
    """Returns a Keras model on the torch backend as an exported program with dynamic batch and length.

    Args:
        model: the Keras model.
        sequence_length: int, the largest length.
    """
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=sequence_length)
    shape = {0: batch, 1: length}
    # torch would treat a size of 0 or 1 as a constant.
    token_ids = torch.ones((2, min(9, sequence_length)), dtype=torch.int32)
    with torch.no_grad():
        return torch.export.export(
            Graph(model).eval(), (token_ids, torch.ones_like(token_ids)), dynamic_shapes=(shape, shape)
        )


def save_onnx(program: torch.export.ExportedProgram, path: Path) -> None:
    """Writes a traced model as one ONNX file with inputs `token_ids` and `padding_mask`, output `logits`."""
    aten = torch.ops.aten
    with _quiet():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["token_ids", "padding_mask"],
            output_names=["logits"],
            custom_translation_table={
                aten.einsum.default: _projection,
                aten.scaled_dot_product_attention.default: _attention,
            },
            verbose=False,
        )
    everything = 2**31
    onnxscript.optimizer.fold_constants(
        exported.model, input_size_limit=everything, output_size_limit=everything
    )
    onnxscript.optimizer.remove_unused_nodes(exported.model)
    exported.save(path, external_data=False)


def quantize(source: Path, target: Path) -> None:
    """Writes an ONNX graph with int8 weights; activations are quantized when it runs."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            source,
            target,
            # Without reduce_range, int8 products overflow on CPUs without VNNI.
            reduce_range=True,
            per_channel=True,
            weight_type=QuantType.QInt8,
            # onnxruntime's rule for Attention is for an older operator of that name.
            op_types_to_quantize=["MatMul", "Gather"],
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences advice that holds for any graph, such as that torchvision is missing."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _projection(equation: str, tensors: Any, path: Any = None) -> Any:
    """Translates the two EinsumDense of Keras's attention: from hidden size to heads, and back."""
    x, kernel = tensors
    a, b, c = kernel.shape
    if equation == "abc,cde->abde":
        product = op.MatMul(x, op.Reshape(kernel, op.Constant(value_ints=[a, b * c])))
        return op.Reshape(product, op.Constant(value_ints=[0, 0, b, c]))
    if equation == "abcd,cde->abe":
        x = op.Reshape(x, op.Constant(value_ints=[0, 0, a * b]))
        return op.MatMul(x, op.Reshape(kernel, op.Constant(value_ints=[a * b, c])))
    return op.Einsum(x, kernel, equation=equation)


def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Translates attention over [batch, heads, length, head_dim] with a mask [batch, 1, 1, length]."""
    one = op.Constant(value_ints=[1])
    # onnxruntime does not broadcast the mask over the query positions.
    mask = op.Expand(attn_mask, op.Concat(one, one, op.Shape(query, start=2, end=3), one, axis=0))
    return op.Attention(query, key, value, mask, scale=scale)[0]
