"""The card of an artifact: what it is, how equal it is to the Keras model, how to serve it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from keras_sentiment.data.padding import head_tail
from keras_sentiment.escaping import markdown
from keras_sentiment.evaluation.card_metadata import eval_results, with_metadata
from keras_sentiment.inference.artifact import Artifact

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_SERVE = """keras_sentiment is installed from a clone of its repository; `{format}` is this folder.

    pip install -e ".[export,serve]"
    keras-sentiment serve {format}
    keras-sentiment predict {format} "I laughed, I cried, I left early."

Another server of {runtime} graphs can serve `{graph}`; its client then turns texts into ids (below).
"""
_HOW = {
    "onnx": _SERVE,
    "onnx_int8": _SERVE,
    "openvino": _SERVE,
    "torch": """    import torch
    graph = torch.export.load("{graph}").module()
    logits = graph(token_ids, padding_mask)     # int32[batch, length] each

torch reads this file with pickle, which can run code: open it only if you know who made it.
The client turns texts into ids first (below).
""",
    "tf_saved_model": """    docker run -p 8501:8501 -v "$PWD/{format}:/models/{name}" -e MODEL_NAME={name} \\
        tensorflow/serving
    curl -d '{{"instances": ["A good film."]}}' localhost:8501/v1/models/{name}:predict

The graph takes texts and returns labels: cleaning, tokenizer, truncation, temperature and the choice of the
label are in it. It needs the operations of tensorflow-text. TensorFlow Serving has them; in Python,
`import tensorflow_text` before loading. A SavedModel can hold any code: load it only if you know who made it.
""",
}
# Of the hub's libraries, the one that runs each format.
_LIBRARIES = {
    "onnx": "onnx",
    "onnx_int8": "onnx",
    "openvino": "openvino",
    "torch": "pytorch",
    "tf_saved_model": "tensorflow",
}
_IDS = """
## From text to ids

The graph maps `token_ids` and `padding_mask`, int32[batch, length], to `logits`, float32[batch, {classes}].
A client

1. cleans the text: `keras_sentiment.text.cleaning.clean`, version {cleaning} of the rules,
2. encodes it with `tokenizer/tokenizer.json` (Hugging Face `tokenizers`),
3. truncates a text of more than {length} tokens, [CLS] and [SEP] included, to {cutting} between them,
4. pads {padding} with id {pad}, and sets `padding_mask` to 1 for tokens and 0 for padding,
5. divides the logits by {temperature} and takes their softmax: the probabilities,
6. chooses the label: {rule}.
"""


def _served_name(name: str) -> str:
    """Returns a name for a server, of characters that mean nothing to a shell or in an address."""
    return re.sub("[^A-Za-z0-9._-]+", "_", name).lstrip("-.") or "model"


def artifact_card(artifact: Artifact) -> str:
    """Returns an artifact's README.md: metadata for Hugging Face's hub, and a text in Markdown."""
    return with_metadata(
        _text(artifact),
        name=artifact.name,
        library=_LIBRARIES[artifact.format],
        labels=artifact.labels,
        tags=[artifact.format],
        results=_results(artifact),
    )


def _results(artifact: Artifact) -> list[EvalResult]:
    """Returns the accuracy of an int8 graph on the validation split of its run's data, for the metadata."""
    data, measured = artifact.origin.get("data", {}), artifact.parity.get("accuracy_fingerprint")
    validation = data.get("splits", {}).get("validation", {}).get("fingerprint")
    if measured is None or measured != validation:
        return []
    return eval_results(artifact.parity, Path(data["source"]).name, "validation", measured)


def _text(artifact: Artifact) -> str:
    head, tail = head_tail(artifact.inputs)
    parity = artifact.parity
    tokenizer = artifact.tokenizer()
    padding = artifact.inputs.pad_to
    how = _HOW[artifact.format].format(
        format=artifact.format,
        graph=artifact.graph.name,
        name=_served_name(artifact.name),
        runtime="OpenVINO" if artifact.format == "openvino" else "ONNX",
    )
    ids = _IDS.format(
        classes=len(artifact.labels),
        cleaning=artifact.cleaning_version,
        length=artifact.inputs.sequence_length,
        cutting=f"its first {head} and last {tail}" if tail else f"its first {head}",
        padding="to the longest of the batch" if padding == "longest" else f"to {padding}",
        pad=tokenizer.pad_id,
        temperature=artifact.temperature,
        rule=markdown(artifact.decision.rule()),
    )
    lines = [
        f"# {markdown(artifact.name)} ({artifact.format})\n",
        f"This model labels a text as {markdown(', '.join(artifact.labels[:-1]))} or "
        f"{markdown(artifact.labels[-1])}: {markdown(artifact.decision.rule())}. keras_sentiment exported it "
        "from a Keras model, whose own card has its evaluation and its limits.\n",
        "## Comparison with the Keras model\n",
        f"It was read in a new process and compared on {parity['texts']} texts at batch sizes "
        f"{', '.join(map(str, parity['batch_sizes']))}. Its probabilities differ by "
        f"{parity['largest_difference']:.1e} at most; {parity['equal_labels']:.1%} of the labels are "
        "equal.\n",
    ]
    if "accuracy" in parity:
        lines.append(
            f"Its accuracy on {parity['accuracy_reviews']:,} validation texts is {parity['accuracy']:.4f}; "
            f"that of the float graph is {parity['accuracy_float']:.4f}.\n"
        )
    lines += ["## How to serve it\n", how]
    if artifact.format != "tf_saved_model":
        lines.append(ids)
    lines.append(
        "## Licence\n\nNo licence is recorded: who trained the model chooses it, and changes `license` in "
        "the metadata before publishing.\n"
    )
    return "\n".join(lines)
