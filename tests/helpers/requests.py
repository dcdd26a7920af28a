"""The address of the protocol's inference."""

INFER = "/v2/models/words/infer"
