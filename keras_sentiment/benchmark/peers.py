"""Those whom users would compare this project with: plain torch loops, and Hugging Face.

Each is a function of (pace, DATA_DIR, reviews), as in `contenders`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_sentiment.benchmark.ours import SEED, SEQUENCE_LENGTH, reviews_of
from keras_sentiment.benchmark.turns import Pace
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.recipes import TRANSFORMER_RECIPES
from keras_sentiment.text.tokenizer import Tokenizer, packaged_minilm

BATCH_SIZE = 32


def train_seed(pace: Pace, data_dir: str, count: int, kind: str, autocast: bool) -> None:
    """Trains by the published project's plain torch loop, written from its description.

    Args:
        kind: `transformer` or `bert`.
        autocast: whether products are bfloat16.
    """
    import torch

    corpus, split = reviews_of(data_dir, count)
    torch.manual_seed(SEED)
    if kind == "transformer":
        model, rate = _seed_transformer(corpus.tokenizer().vocabulary_size, len(corpus.labels)), 2e-4
    else:
        model, rate = _seed_bert(len(corpus.labels)), 2e-5
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01, eps=1e-8)
    loss_of = torch.nn.CrossEntropyLoss()
    model.train()

    def step(token_ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = loss_of(model(token_ids, mask), labels)
        loss.backward()
        optimizer.step()

    batches = [[torch.from_numpy(part) for part in batch] for batch in _padded(split, corpus.tokenizer())]
    step(*batches[0])
    pace.ready(len(batches))
    for batch in batches:
        step(*batch)
        pace.step(len(batch[2]))


def _padded(split: Split, tokenizer: Tokenizer) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields token ids, masks and labels of 32 reviews each, cut and padded to 512."""
    order = np.random.default_rng(SEED).permutation(len(split))
    for begin in range(0, len(order), BATCH_SIZE):
        rows = order[begin : begin + BATCH_SIZE]
        token_ids = np.full((len(rows), SEQUENCE_LENGTH), tokenizer.pad_id, "int64")
        for line, row in zip(token_ids, rows, strict=True):
            ids = [tokenizer.cls_id, *split[row][: SEQUENCE_LENGTH - 2], tokenizer.sep_id]
            line[: len(ids)] = ids
        yield token_ids, (token_ids != tokenizer.pad_id).astype("int64"), split.labels[rows].astype("int64")


def _seed_transformer(vocabulary_size: int, num_classes: int) -> Any:
    from torch import nn

    config = TRANSFORMER_RECIPES["reference"].model

    class Seed(nn.Module):
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

    return Seed()


def _seed_bert(num_classes: int) -> Any:
    from torch import nn
    from transformers import BertModel, logging

    logging.set_verbosity_error()  # that the head is new is no news

    class Seed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = BertModel.from_pretrained(packaged_minilm())
            self.dropout = nn.Dropout(0.1)
            self.head = nn.Linear(self.bert.config.hidden_size, num_classes)

        def forward(self, token_ids: Any, mask: Any) -> Any:
            return self.head(self.dropout(self.bert(token_ids, attention_mask=mask).pooler_output))

    model = Seed()
    _freeze(model.bert)
    return model


def _freeze(bert: Any) -> None:
    """Lets the last four blocks of a Hugging Face BERT train."""
    bert.requires_grad_(False)
    bert.encoder.layer[-4:].requires_grad_(True)


def train_hugging_face(pace: Pace, data_dir: str, count: int, dropout: bool, bfloat16: bool) -> None:
    """Trains by Hugging Face's `Trainer`: padded to the longest of a batch, reviews of like length together.

    Args:
        dropout: whether the model's own rate holds, or none.
    """
    from transformers import (
        BertForSequenceClassification,
        BertTokenizerFast,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
        logging,
    )

    logging.set_verbosity_error()
    corpus, split = reviews_of(data_dir, count)
    rates = {} if dropout else {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = BertForSequenceClassification.from_pretrained(
        packaged_minilm(), num_labels=len(corpus.labels), **rates
    )
    _freeze(model.bert)
    tokenizer = BertTokenizerFast.from_pretrained(packaged_minilm())
    encoded = tokenizer(list(split.texts()), truncation=True, max_length=SEQUENCE_LENGTH)["input_ids"]
    rows = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": int(label), "length": len(ids)}
        for ids, label in zip(encoded, split.labels, strict=True)
    ]

    class Turns(TrainerCallback):
        def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 1:
                pace.ready(state.max_steps - 1)
            else:
                last = state.global_step == state.max_steps
                pace.step(len(rows) - BATCH_SIZE * (state.global_step - 1) if last else BATCH_SIZE)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=1,
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=2e-5,
            bf16=bfloat16,
            train_sampling_strategy="group_by_length",
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=SEED,
        )
        collate = DataCollatorWithPadding(tokenizer)
        Trainer(model, arguments, collate, rows, callbacks=[Turns()]).train()


def score_hugging_face(pace: Pace, data_dir: str, count: int, passes: int) -> None:
    """Labels texts by Hugging Face's text-classification pipeline, in batches as its documentation shows."""
    from transformers import BertForSequenceClassification, BertTokenizerFast, logging, pipeline

    logging.set_verbosity_error()
    _, split = reviews_of(data_dir, count)
    model = BertForSequenceClassification.from_pretrained(packaged_minilm(), num_labels=2)
    tokenizer = BertTokenizerFast.from_pretrained(packaged_minilm(), model_max_length=SEQUENCE_LENGTH)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    texts = list(split.texts())
    classify(texts[:BATCH_SIZE], batch_size=BATCH_SIZE, truncation=True)
    pace.ready(passes)
    for _ in range(passes):
        classify(texts, batch_size=BATCH_SIZE, truncation=True)
        pace.step(len(texts))
