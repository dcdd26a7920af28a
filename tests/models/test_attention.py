"""Training and inference use the fused attention kernel, with a padding mask."""

import numpy as np
import pytest

from helpers.tiny import MODEL, TRAINING, build, make_bert_preset
from keras_sentiment.config import BertConfig
from keras_sentiment.models.bert import build_bert
from keras_sentiment.training.optimization import compile_model

pytestmark = [
    pytest.mark.once,  # only torch can be restricted to one attention kernel
    pytest.mark.filterwarnings("ignore:.*was not adapted"),
]

BLOCKS = 2


@pytest.fixture(params=["transformer", "bert"])
def model(request, tmp_path):
    if request.param == "transformer":
        return build(MODEL)
    return build_bert(
        BertConfig(make_bert_preset(tmp_path, BLOCKS), trainable_blocks=1, ngram_buckets=64), 40, 2
    )


def test_attention_is_fused(model, monkeypatch):
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    compile_model(model, TRAINING, 1, "float32")
    attention = torch.nn.functional.scaled_dot_product_attention
    masks = []

    def counted(*arguments, **named):
        if arguments[0].device.type != "meta":  # Keras infers shapes on this device
            masks.append(named["attn_mask"])
        return attention(*arguments, **named)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    ids = np.full((4, 12), 7, "int32")
    mask = np.ones_like(ids)
    mask[:, 9:] = 0
    inputs = {"token_ids": ids, "padding_mask": mask}
    # torch raises an error if it cannot use the only kernel that is allowed here.
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION]):
        model.train_on_batch(inputs, np.array([0, 1, 1, 0], "int32"))
        assert len(masks) == BLOCKS
        model.predict_on_batch(inputs)
    assert len(masks) == 2 * BLOCKS
    assert all(found is not None for found in masks)


def test_torch_raises_if_attention_cannot_be_fused():
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    part = torch.ones(1, 2, 4, 4)
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION]), pytest.raises(RuntimeError, match="kernel"):
        torch.nn.functional.scaled_dot_product_attention(part, part, part, dropout_p=0.5)
