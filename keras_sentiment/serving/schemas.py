"""What /predict and /explain take and return, and what OpenAPI says of their limits and keys."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from keras_sentiment.config import EXPLAINED_SPANS
from keras_sentiment.decision import Decision
from keras_sentiment.serving.access import OPEN_ROUTES
from keras_sentiment.serving.config import ServingConfig

_KEY = "key"


class PredictRequest(BaseModel):
    """One text, or a list of texts."""

    model_config = ConfigDict(extra="forbid")
    text: str | list[str]


class Prediction(BaseModel):
    """The label of a text. `truncated` says whether the text was cut because it is too long."""

    label: str
    probability: float
    probabilities: dict[str, float]
    truncated: bool


class ExplainRequest(BaseModel):
    """One text."""

    model_config = ConfigDict(extra="forbid")
    text: str


class Part(BaseModel):
    """A part of the text, `text[start:end]` in characters."""

    start: int
    end: int


class Word(Part):
    """A word that the model read, and how much it adds to the label's log-odds."""

    text: str
    contribution: float


class Threshold(BaseModel):
    """The probability of a label from which on the label is chosen."""

    label: str
    probability: float


class Explanation(Prediction):
    """The label of a text, the words it depends on, the part that was cut, and how the label is chosen."""

    words: list[Word]
    unread: Part | None
    rule: str
    threshold: Threshold | None


class Problem(BaseModel):
    """Why a request has no result."""

    error: str


def how_chosen(decision: Decision) -> dict[str, Any]:
    """Returns how labels are chosen, as an `Explanation` says it."""
    label, probability = decision.labels[-1], decision.threshold
    threshold = None if probability is None else {"label": label, "probability": probability}
    return {"rule": decision.rule(), "threshold": threshold}


def predict_body(config: ServingConfig) -> dict[str, Any]:
    """Returns the body of /predict for OpenAPI, with its limits."""
    schema = PredictRequest.model_json_schema()
    schema["properties"]["text"]["anyOf"][1]["maxItems"] = config.max_texts
    return request_body(schema, config)


def explain_body(config: ServingConfig) -> dict[str, Any]:
    """Returns the body of /explain for OpenAPI, with its limits."""
    schema = ExplainRequest.model_json_schema()
    schema["properties"]["text"]["maxLength"] = max_explained(config)
    return request_body(schema, config)


def request_body(schema: dict[str, Any], config: ServingConfig) -> dict[str, Any]:
    """Returns a JSON body for OpenAPI. The server reads bodies itself, so FastAPI knows nothing of them."""
    body = {"content": {"application/json": {"schema": schema}}, "required": True}
    return {"requestBody": {**body, "x-max-bytes": config.max_body_bytes}}


def max_explained(config: ServingConfig) -> int:
    """Returns the most characters of a text for /explain.

    It scores as many copies of the text as the text has parts; together they are no longer than a body.
    """
    return config.max_body_bytes // (EXPLAINED_SPANS + 1)


class DescribedApi(FastAPI):
    """An application whose OpenAPI description says which routes ask for a key.

    Args:
        keyed: whether they do.
    """

    def __init__(self, keyed: bool, **settings: Any) -> None:
        super().__init__(**settings)
        self._keyed = keyed

    def openapi(self) -> dict[str, Any]:
        """Returns the description."""
        if self.openapi_schema is None and self._keyed:
            described = super().openapi()
            described["components"]["securitySchemes"] = {_KEY: {"type": "http", "scheme": "bearer"}}
            for path, operations in described["paths"].items():
                for operation in operations.values():
                    operation["security"] = [] if path in OPEN_ROUTES else [{_KEY: []}]
        return super().openapi()
