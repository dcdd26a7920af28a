"""Exports a run to a TensorFlow SavedModel that takes text.

This is a program of its own, since a process has one backend:
`python -m keras_sentiment.exporting.saved_model RUN_DIR OUT`, with `KERAS_BACKEND=tensorflow`.
"""

from __future__ import annotations

import sys
from typing import Any

import keras
import tensorflow as tf

from keras_sentiment.data.padding import head_tail
from keras_sentiment.exporting.text_graph import text_graph
from keras_sentiment.inference.load import load_model
from keras_sentiment.runs.run import Run, open_run
from keras_sentiment.text.tokenizer import Tokenizer


class TextClassifier(tf.Module):
    """Cleaning, tokenizer, truncation, model and decision rule in one graph.

    Args:
        run: a complete run.
        model: its Keras model.
    """

    def __init__(self, run: Run, model: Any) -> None:
        super().__init__(name="text_classifier")
        config = run.config
        self._inputs, self._decision = config.recipe.inputs, run.decision
        self._tokenizer: Tokenizer = run.tokenizer()
        self.text_graph = text_graph(self._tokenizer)
        self.model = model

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Maps string[batch] to `probabilities` float32[batch, num_classes] and `label` string[batch]."""
        logits = self.model(self._rows(self.text_graph(text)), training=False)
        probabilities = tf.nn.softmax(logits / self._decision.temperature)
        if self._decision.threshold is None:
            weights = self._decision.class_weight or [1.0]
            chosen = tf.argmax(probabilities * tf.constant(weights), axis=-1, output_type=tf.int32)
        else:
            chosen = tf.cast(probabilities[:, 1] >= self._decision.threshold, tf.int32)
        label = tf.gather(tf.constant(list(self._decision.labels)), chosen)
        return {"probabilities": probabilities, "label": label}

    def _rows(self, ids: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        """Maps ragged int32[batch, tokens] to the inputs of the model, two int32[batch, length]."""
        head, tail = head_tail(self._inputs)
        whole = ids.row_lengths() <= head + tail
        # The head of a text that is not truncated is the whole text.
        limit = tf.where(whole, ids.row_lengths(), head)  # int64[batch]
        positions = tf.ragged.range(ids.row_lengths())  # ragged int64[batch, tokens]
        starts = tf.where(whole, ids.row_lengths(), ids.row_lengths() - tail)
        kept = (positions < limit[:, None]) | (positions >= starts[:, None])
        ids = tf.ragged.boolean_mask(ids, kept)
        side = tf.ones([ids.nrows(), 1], tf.int32)
        ids = tf.concat([side * self._tokenizer.cls_id, ids, side * self._tokenizer.sep_id], axis=1)
        width = None if self._inputs.pad_to == "longest" else self._inputs.pad_to
        return {
            "token_ids": ids.to_tensor(self._tokenizer.pad_id, shape=[None, width]),
            "padding_mask": tf.ones_like(ids).to_tensor(0, shape=[None, width]),
        }


def save(run: Run, path: str) -> None:
    """Writes the SavedModel of a run, with the signature `serving_default`."""
    classifier = TextClassifier(run, load_model(run))
    archive = keras.export.ExportArchive()
    archive.track(classifier)
    archive.add_endpoint("serving_default", classifier.serve)
    archive.write_out(path, verbose=False)


if __name__ == "__main__":
    save(open_run(sys.argv[1]), sys.argv[2])
