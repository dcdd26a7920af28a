"""The card of an artifact: a name and labels of a stranger are text in it."""

import dataclasses
import re
import shlex

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from helpers.served import write_artifact
from keras_sentiment.exporting.artifact_card import artifact_card
from keras_sentiment.inference.artifact import GRAPH_FILES

pytestmark = pytest.mark.once

HOSTILE = "<img src=x>`$(touch PWNED)`|[x](https://example.com)\x1b[2J\u202e\n# heading"
PARITY = {"texts": 3, "batch_sizes": [1, 2], "largest_difference": 1e-7, "equal_labels": 1.0}


@pytest.mark.parametrize("kind", GRAPH_FILES)
@pytest.mark.parametrize("threshold", [None, 0.25])
def test_names_and_labels_are_text(tmp_path, kind, threshold):
    labels = ("<b>|`x`", "[y](https://example.com)")
    artifact = dataclasses.replace(
        write_artifact(tmp_path / "words"),
        name=HOSTILE, labels=labels, parity=PARITY, format=kind, threshold=threshold,
    )  # fmt: skip
    card = artifact_card(artifact)
    assert card.isascii()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", card)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(card)
    inside = {child.type for token in tokens for child in token.children or ()}
    assert inside <= {"text", "text_special", "code_inline", "softbreak", "hardbreak"}
    assert not {"html_block", "blockquote_open"} & {token.type for token in tokens}
    headings = [line for line in card.splitlines() if line.startswith("#")]
    assert headings[1:3] == ["## Comparison with the Keras model", "## How to serve it"]
    body = MarkdownIt("commonmark").parse(ModelCard(card).text)
    (code,) = [token.content for token in body if token.type == "code_block"]
    assert "touch PWNED" not in code
    if kind == "tf_saved_model":
        name = re.search(r"MODEL_NAME=(\S+)", code)[1]
        assert re.fullmatch("[A-Za-z0-9._-]+", name)
        assert shlex.split(code)


def test_metadata_can_be_read(tmp_path):
    """The accuracy of an int8 graph is there if it was measured on the validation split of the run's data."""
    origin = {"data": {"source": "a/[films](x).csv", "splits": {"validation": {"fingerprint": "a" * 64}}}}
    measured = {"accuracy": 0.75, "accuracy_float": 0.76, "accuracy_reviews": 40}
    artifact = write_artifact(tmp_path / "words")
    for kind, library in (("onnx", "onnx"), ("onnx_int8", "onnx"), ("tf_saved_model", "tensorflow")):
        for fingerprint in ("a" * 64, "b" * 64):
            parity = {**PARITY, **measured, "accuracy_fingerprint": fingerprint}
            values = {"format": kind, "origin": origin, "parity": parity, "name": HOSTILE}
            (tmp_path / "README.md").write_text(artifact_card(dataclasses.replace(artifact, **values)))
            data = ModelCard.load(tmp_path / "README.md").data
            assert (data.library_name, data.pipeline_tag) == (library, "text-classification")
            assert {"keras-sentiment", "sentiment-analysis", kind} == set(data.tags)
            if fingerprint[0] == "a":
                (result,) = data.eval_results
                assert (result.metric_type, result.metric_value) == ("accuracy", 0.75)
                assert (result.dataset_name, result.dataset_split) == ("films (x).csv", "validation")
            else:
                assert data.eval_results is None
