"""Compares an artifact, read in a new process, with the Keras model, from text to label.

`python -m keras_sentiment.exporting.parity ARTIFACT` is that process: it reads texts as JSON from standard
input and writes the results of the artifact to standard output.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tokenizers

from keras_sentiment.data.padding import Rows, bucket_lengths, padded_rows, row_lengths
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import TOKENIZER_FOLDER, Artifact, open_artifact
from keras_sentiment.inference.engines import Engine, open_engine
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer

BATCH_SIZES = (1, 3, 16)
TOLERANCE = 1e-4  # largest difference of a probability, for float graphs
MIN_AGREEMENT = 0.95  # share of equal labels, for int8 graphs

# Texts that an export easily gets wrong; neighbours differ in length, so that batches hold padding.
TEXTS = (
    "",
    "good",
    "An overlong review of an overlong film. " * 150 + "And in the end I loved it.",
    "A dreadful, dreadful film: two hours of nothing.",
    "cliché fiancée naïve Amélie ÀÉÎÕÜ cafe\u0301 e\u0301\u0323",
    "ΟΔΥΣΣΕΥΣ İstanbul straße Łódź Ørsted",
    "這是好電影 this是good電影film これは良い映画です カタカナ",
    "한국 영화 좋아요 " + "한" * 40,
    "👍 👨‍👩‍👧 ❤️ good👍film 𝐁𝐨𝐥𝐝 \U0010ffff",
    "good<br /><br />bad<p class='a'>so-so &amp; &eacute; &lt;br&gt; I <3 it, a < b",
    "[MASK] [CLS] [SEP] [PAD] [UNK] x[MASK]y ##ing",
    "so\x85 wait a\x00b \x07 \x1b[0m zero\u200bwidth \ufeffbom soft\xadhyphen x\ufffdy",
    "½ ´ ﬁne ＧＯＯＤ ① “quotes” — state-of-the-art...!!! don't 10/10",
    "a" * 101 + " " + "b" * 100,
    "Not bad at all, though I expected worse of it. " * 8,
    "I laughed, I cried, I left early.",
    "<br />" * 100 + "fine" + " &nbsp;" * 100,
    "It is hard to say whether one should love it or leave it; the plot is thin, the cast is not. " * 4,
)


class ParityError(InputError):
    """An artifact gives other results than the Keras model; it is not kept."""


Results = list[dict[str, Any]]


def check(artifact: Artifact, expected: Results, texts: Sequence[str]) -> dict[str, Any]:
    """Compares the results of an artifact with those of the Keras model, at several batch sizes.

    Args:
        artifact: an artifact that was just written.
        expected: results of `Classifier.predict` of the run for the texts, in float32.
        texts: `TEXTS` and, where data was given, real reviews.

    Returns:
        `texts`, their number; `batch_sizes`; `largest_difference` of a probability; `equal_labels`, a share.

    Raises:
        ParityError: the artifact can't be run, or differs by more than its format may.
    """
    process = subprocess.run(
        [sys.executable, "-m", "keras_sentiment.exporting.parity", str(artifact.path)],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
    )
    if process.returncode:
        reason = process.stderr.strip().splitlines()[-1:] or ["it was killed"]
        raise ParityError(f"{artifact.format}: the graph can't be run ({reason[0][:300]}); nothing was kept")
    differences: list[float] = []
    agreements: list[bool] = []
    worst = ""
    for found in json.loads(process.stdout):
        for text, ours, theirs in zip(texts, found, expected, strict=True):
            probabilities = theirs["probabilities"]
            difference = max(abs(ours["probabilities"][name] - probabilities[name]) for name in probabilities)
            if not differences or difference > max(differences):
                worst = text
            differences.append(difference)
            # Where two labels are equally probable but for rounding, either is right.
            rivals = sorted(probabilities.values())[-2:]
            close = difference <= TOLERANCE and rivals[1] - rivals[0] <= 2 * TOLERANCE
            agreements.append(ours["label"] == theirs["label"] or close)
    largest, equal = max(differences), sum(agreements) / len(agreements)
    int8 = artifact.format == "onnx_int8"
    # Written so that NaN fails.
    if not (equal >= MIN_AGREEMENT if int8 else equal == 1 and largest <= TOLERANCE):
        raise ParityError(
            f"{artifact.format}: the graph is not the model: probabilities differ by up to {largest:.2g} "
            f"(for the text {worst[:40]!r}), {equal:.1%} of the labels are equal; nothing was kept"
        )
    return {
        "texts": len(texts),
        "batch_sizes": list(BATCH_SIZES),
        "largest_difference": largest,
        "equal_labels": equal,
    }


def _run(path: str, texts: list[str]) -> list[Results]:
    """Returns the results of an artifact for all texts, a list for each batch size."""
    artifact = open_artifact(path)
    tokenizer = artifact.tokenizer()
    _check_tokenizer_json(artifact, tokenizer, texts)
    answer = _answers(artifact, tokenizer)
    return [
        [result for start in range(0, len(texts), size) for result in answer(texts[start : start + size])]
        for size in BATCH_SIZES
    ]


def _answers(artifact: Artifact, tokenizer: Tokenizer) -> Callable[[list[str]], Results]:
    """Returns a function from the texts of one batch to their results."""
    if artifact.format == "tf_saved_model":
        return _SavedModel(artifact)
    engine: Engine = _TorchEngine(artifact) if artifact.format == "torch" else open_engine(artifact)

    def answer(texts: list[str]) -> Results:
        ids = tokenizer.encode([clean(text) for text in texts])
        longest = row_lengths(np.array([len(tokens) for tokens in ids]), artifact.inputs).max()
        length = min(bucket for bucket in bucket_lengths(artifact.inputs, few=False) if bucket >= longest)
        return artifact.decision.results(engine(padded_rows(ids, length, tokenizer, artifact.inputs)))

    return answer


class _TorchEngine:
    """Runs a program of `torch.export`. Its file holds a pickle: open only one that was just written."""

    compiles = False

    def __init__(self, artifact: Artifact) -> None:
        import torch

        self._torch = torch
        self._program = torch.export.load(artifact.graph).module()

    def __call__(self, rows: Rows) -> Any:
        inputs = (self._torch.from_numpy(rows[name]) for name in ("token_ids", "padding_mask"))
        with self._torch.no_grad():
            return self._program(*inputs).numpy()


class _SavedModel:
    """Runs a SavedModel, which takes raw texts. It can hold any code: open only one that was just written."""

    def __init__(self, artifact: Artifact) -> None:
        import tensorflow as tf

        importlib.import_module("tensorflow_text")  # for its operations
        self._constant, self._labels = tf.constant, artifact.labels
        self._model = tf.saved_model.load(str(artifact.graph))

    def __call__(self, texts: list[str]) -> Results:
        output = self._model.signatures["serving_default"](text=self._constant(texts))
        rows = zip(output["label"].numpy(), output["probabilities"].numpy().tolist(), strict=True)
        return [
            {"label": label.decode(), "probabilities": dict(zip(self._labels, row, strict=True))}
            for label, row in rows
        ]


def _check_tokenizer_json(artifact: Artifact, tokenizer: Tokenizer, texts: list[str]) -> None:
    """Refuses a `tokenizer.json` that gives other ids than ours; clients of other servers use that file."""
    theirs = tokenizers.Tokenizer.from_file(str(artifact.path / TOKENIZER_FOLDER / "tokenizer.json"))
    # That file takes a special token that is written in a text for one.
    cleaned = [text for text in map(clean, texts) if "[" not in text]
    for text, ids in zip(cleaned, tokenizer.encode(cleaned), strict=True):
        if theirs.encode(text).ids != [tokenizer.cls_id, *ids.tolist(), tokenizer.sep_id]:
            raise ParityError(f"tokenizer.json gives other ids for {text[:40]!r}")


if __name__ == "__main__":
    print(json.dumps(_run(sys.argv[1], json.load(sys.stdin))))
