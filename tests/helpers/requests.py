"""The path of the inference protocol."""

INFER = "/v2/models/words/infer"
