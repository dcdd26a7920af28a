"""Contenders that this project is compared with: plain torch loops and Hugging Face.

The functions have the same form as those in `ours`. All weights are float32.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_sentiment.benchmark.ours import SEED, SEQUENCE_LENGTH, WARM_UP_TEXTS, reviews_of
from keras_sentiment.benchmark.setting import Setting, torch_facts
from keras_sentiment.benchmark.turns import Timer
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.recipes import TRANSFORMER_RECIPES
from keras_sentiment.text.tokenizer import Tokenizer, packaged_minilm

BATCH_SIZE = 32


def train_torch_loop(timer: Timer, data_dir: str, count: int, kind: str, setting: Setting) -> None:
    """Trains with a plain torch loop that pads every review to 512 tokens.

    Args:
        kind: `"transformer"` or `"bert"`.
    """
    import torch

    corpus, split = reviews_of(data_dir, count)
    torch.manual_seed(SEED)
    if kind == "transformer":
        model, rate = _torch_transformer(corpus.tokenizer().vocabulary_size, len(corpus.labels)), 2e-4
    else:
        model, rate = _torch_bert(len(corpus.labels)), 2e-5
    device = _device(setting)
    model.to(device)
    _begin(timer, setting)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01, eps=1e-8)
    scaler = torch.amp.GradScaler(device, enabled=setting.precision == "mixed_float16")
    loss_of = torch.nn.CrossEntropyLoss()
    model.train()

    def step(batch: tuple[np.ndarray, ...]) -> torch.dtype:
        token_ids, mask, labels = (torch.from_numpy(part).to(device) for part in batch)
        optimizer.zero_grad()
        with _autocast(setting):
            logits = model(token_ids, mask)
            loss = loss_of(logits, labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return logits.dtype

    with timer.untimed():
        products = step(next(_padded(split, corpus.tokenizer())))
    timer.report(batch=f"{BATCH_SIZE} reviews", **torch_facts(model, products))
    timer.plan(math.ceil(len(split) / BATCH_SIZE))
    for batch in _padded(split, corpus.tokenizer()):
        step(batch)
        timer.step(len(batch[2]))


def _device(setting: Setting) -> str:
    """Returns torch's name of the device, and allows TensorFloat-32 as this project does."""
    import torch

    torch.set_float32_matmul_precision("high")  # has no effect on a CPU
    return setting.torch_device


def _begin(timer: Timer, setting: Setting) -> None:
    import torch

    timer.begin(torch.cuda.synchronize if setting.device == "gpu" else lambda: None)


def _autocast(setting: Setting) -> Any:
    """Returns a context in which matrix products have the dtype of the setting."""
    import torch

    enabled = setting.precision != "float32"
    return torch.autocast(
        setting.torch_device, getattr(torch, setting.products) if enabled else None, enabled=enabled
    )


def _padded(split: Split, tokenizer: Tokenizer) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields batches of 32 reviews: token ids, masks and labels, int64, cut and padded to 512 tokens."""
    order = np.random.default_rng(SEED).permutation(len(split))
    for begin in range(0, len(order), BATCH_SIZE):
        rows = order[begin : begin + BATCH_SIZE]
        token_ids = np.full((len(rows), SEQUENCE_LENGTH), tokenizer.pad_id, "int64")
        for line, row in zip(token_ids, rows, strict=True):
            ids = [tokenizer.cls_id, *split[row][: SEQUENCE_LENGTH - 2], tokenizer.sep_id]
            line[: len(ids)] = ids
        yield token_ids, (token_ids != tokenizer.pad_id).astype("int64"), split.labels[rows].astype("int64")


def _torch_transformer(vocabulary_size: int, num_classes: int) -> Any:
    from torch import nn

    config = TRANSFORMER_RECIPES["reference"].model

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(vocabulary_size, config.hidden_dim)
            self.dropout = nn.Dropout(config.dropout)
            block = nn.TransformerEncoderLayer(
                config.hidden_dim, config.num_heads, config.intermediate_dim, config.dropout, batch_first=True
            )
            self.encoder = nn.TransformerEncoder(block, config.num_layers, enable_nested_tensor=False)
            self.head = nn.Linear(config.hidden_dim, num_classes)

        def forward(self, token_ids: Any, mask: Any) -> Any:
            x = self.encoder(self.dropout(self.embedding(token_ids)), src_key_padding_mask=mask == 0)
            return self.head(x.mean(dim=1))

    return Classifier()


def _torch_bert(num_classes: int) -> Any:
    import torch
    from torch import nn
    from transformers import BertModel

    _silence()

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = BertModel.from_pretrained(packaged_minilm(), dtype=torch.float32)
            self.dropout = nn.Dropout(0.1)
            self.head = nn.Linear(self.bert.config.hidden_size, num_classes)

        def forward(self, token_ids: Any, mask: Any) -> Any:
            return self.head(self.dropout(self.bert(token_ids, attention_mask=mask).pooler_output))

    model = Classifier()
    _freeze(model.bert)
    return model


def _silence() -> None:
    from transformers.utils import logging

    logging.set_verbosity_error()  # it would warn that the head is untrained
    logging.disable_progress_bar()


def _freeze(bert: Any) -> None:
    """Freezes a Hugging Face BERT except its last four blocks."""
    bert.requires_grad_(False)
    bert.encoder.layer[-4:].requires_grad_(True)


def _hugging_face(num_classes: int, **rates: float) -> Any:
    """Returns Hugging Face's classifier with the weights of MiniLM in float32."""
    import torch
    from transformers import BertForSequenceClassification

    _silence()
    return BertForSequenceClassification.from_pretrained(
        packaged_minilm(), num_labels=num_classes, dtype=torch.float32, **rates
    )


@contextlib.contextmanager
def _products_of(layer: Any) -> Iterator[list[Any]]:
    """Returns a context with a list, to which each call of a layer adds the dtype of its output."""
    found: list[Any] = []
    hook = layer.register_forward_hook(lambda module, inputs, outputs: found.append(outputs.dtype))
    yield found
    hook.remove()


def train_hugging_face(timer: Timer, data_dir: str, count: int, dropout: bool, setting: Setting) -> None:
    """Trains with Hugging Face's `Trainer`, on batches of similar lengths that are padded to the longest.

    As in this project, the pooler is trainable and gradients are not clipped.

    Args:
        dropout: whether the blocks have their default dropout; in this project they have none.
    """
    from transformers import (
        BertTokenizerFast,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    corpus, split = reviews_of(data_dir, count)
    rates = {} if dropout else {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    device = _device(setting)
    model = _hugging_face(len(corpus.labels), classifier_dropout=0.1, **rates)
    _freeze(model.bert)
    model.bert.pooler.requires_grad_(True)
    tokenizer = BertTokenizerFast.from_pretrained(packaged_minilm())
    encoded = tokenizer(list(split.texts()), truncation=True, max_length=SEQUENCE_LENGTH)["input_ids"]
    rows = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": int(label), "length": len(ids)}
        for ids, label in zip(encoded, split.labels, strict=True)
    ]

    class CountSteps(TrainerCallback):
        def on_train_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
            timer.plan(state.max_steps)

        def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
            last = state.global_step == state.max_steps
            timer.step(len(rows) - BATCH_SIZE * (state.global_step - 1) if last else BATCH_SIZE)

    with tempfile.TemporaryDirectory() as folder:

        def trainer(reviews: list[dict[str, Any]], *callbacks: TrainerCallback) -> Trainer:
            arguments = TrainingArguments(
                folder,
                num_train_epochs=1,
                per_device_train_batch_size=BATCH_SIZE,
                learning_rate=2e-5,
                max_grad_norm=0.0,
                bf16=setting.precision == "mixed_bfloat16",
                fp16=setting.precision == "mixed_float16",
                train_sampling_strategy="group_by_length",
                use_cpu=device == "cpu",
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
                seed=SEED,
            )
            collate = DataCollatorWithPadding(tokenizer)
            return Trainer(model, arguments, collate, reviews, callbacks=list(callbacks))

        with _products_of(model.classifier) as products:
            trainer(rows[:BATCH_SIZE]).train()
        timer.report(batch=f"{BATCH_SIZE} reviews", **torch_facts(model, products[0]))
        _begin(timer, setting)
        trainer(rows, CountSteps()).train()


def score_hugging_face(
    timer: Timer, data_dir: str, count: int, passes: int, ordered: bool, setting: Setting
) -> None:
    """Labels texts with Hugging Face's text-classification pipeline, in batches as its documentation shows.

    Args:
        ordered: whether the texts are sorted by length, so that the texts of a batch have similar lengths.
    """
    from transformers import BertTokenizerFast, pipeline

    corpus, split = reviews_of(data_dir, count)
    model = _hugging_face(len(corpus.labels))
    tokenizer = BertTokenizerFast.from_pretrained(packaged_minilm(), model_max_length=SEQUENCE_LENGTH)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device=_device(setting))
    texts = list(split.texts())
    with _autocast(setting):
        with _products_of(model.classifier) as products:
            classify(texts[:WARM_UP_TEXTS], batch_size=BATCH_SIZE, truncation=True)
        facts = torch_facts(model, products[0])
        timer.report(**{**facts, "batch": f"{BATCH_SIZE} reviews", "trained_parameters": None})
        _begin(timer, setting)
        timer.plan(passes)
        for _ in range(passes):
            given = sorted(texts, key=len) if ordered else texts
            classify(given, batch_size=BATCH_SIZE, truncation=True)
            timer.step(len(texts))
