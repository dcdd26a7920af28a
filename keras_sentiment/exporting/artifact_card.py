"""The card of an artifact: what it is, how equal it was found, how to serve it."""

from __future__ import annotations

import re

from keras_sentiment.data.padding import head_tail
from keras_sentiment.escaping import markdown
from keras_sentiment.inference.artifact import Artifact

_SERVE = """    keras-sentiment serve {format}
    keras-sentiment predict {format} "I laughed, I cried, I left early."

Another server of {runtime} graphs can take `{graph}`: its client turns texts into ids first (below).
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

The graph takes texts: cleaning, tokenizer, cutting, temperature and the choice of the label are in it. It
needs the operations of tensorflow-text, which TensorFlow Serving has; in Python `import tensorflow_text`
before loading. A SavedModel can hold any code: load it only if you know who made it.
""",
}
_IDS = """
## Ids

The graph maps `token_ids` and `padding_mask`, int32[batch, length], to `logits`, float32[batch, {classes}].
A client

1. cleans the text: `keras_sentiment.text.cleaning.clean`, version {cleaning} of the rules,
2. encodes it with `tokenizer/tokenizer.json` (Hugging Face `tokenizers`),
3. cuts what is longer than {length} tokens, [CLS] and [SEP] included, to {cutting} between them,
4. pads {padding} with id {pad}, and sets `padding_mask` to 1 for tokens and 0 for padding,
5. divides the logits by {temperature}, and takes their softmax: the probabilities,
6. chooses: {rule}.
"""


def _served_name(name: str) -> str:
    """Returns a name for a server, of characters that neither a shell nor an address takes for its own."""
    return re.sub("[^A-Za-z0-9._-]+", "_", name).lstrip("-.") or "model"


def artifact_card(artifact: Artifact) -> str:
    """Returns the text of an artifact's README.md."""
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
        f"Labels a text as {markdown(', '.join(artifact.labels[:-1]))} or {markdown(artifact.labels[-1])}: "
        f"{markdown(artifact.decision.rule())}. Exported by keras_sentiment from a Keras model.\n",
        "## Is it the model?\n",
        f"Read in a fresh process, on {parity['texts']} texts at batch sizes "
        f"{', '.join(map(str, parity['batch_sizes']))}, its probabilities differ from the Keras model's by "
        f"{parity['largest_difference']:.1e} at most; {parity['equal_labels']:.1%} of the labels are "
        "equal.\n",
    ]
    if "accuracy" in parity:
        lines.append(
            f"Accuracy on {parity['accuracy_reviews']:,} validation reviews: {parity['accuracy']:.4f}, of "
            f"the float graph {parity['accuracy_float']:.4f}.\n"
        )
    lines += ["## Serve it\n", how]
    if artifact.format != "tf_saved_model":
        lines.append(ids)
    return "\n".join(lines)
