"""The server: each answer belongs to its request, texts are batched, the end is orderly."""

import ast
import concurrent.futures
import contextlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.parse
import venv
from pathlib import Path

import numpy as np
import pytest

from helpers.served import (
    WordEngine,
    answer,
    ask,
    close_to,
    connect,
    make_classifier,
    metric,
    request,
    serving,
    wait_for,
    write_artifact,
)
from keras_sentiment.config import SCORING_BATCH_TOKENS
from keras_sentiment.inference.occlusion import explain
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.dynamic_batching import MAX_PADDING, nearest_in_length
from keras_sentiment.serving.server import listen

pytestmark = pytest.mark.once

ENTRY = "from keras_sentiment.scripts.command_line import main; main()"
INFER = "/v2/models/words/infer"
TEXTS = ["good", "bad film", "", "电影 \U0001f600"]


def distinct(count: int, seed: int = 0) -> list[str]:
    """Texts of 1 to 50 words, no two with the same probability."""
    rng = np.random.default_rng(seed)
    found: dict[float, str] = {}
    while len(found) < count:
        words = [rng.choice(["good", "bad"]), *map(str, rng.integers(0, 100, rng.integers(0, 50)))]
        text = " ".join(words)
        found.setdefault(make_classifier().predict([text])[0]["probability"], text)
    return list(found.values())


def test_one_text_has_one_object_and_several_a_list(port):
    texts = ["good", "", "the film is bad " * 50, "电影 \U0001f600", "a\x00b <br/> &amp; good"]
    expected = make_classifier().predict(texts)
    for text, result in zip(texts, expected, strict=True):
        status, headers, found = ask(port, body={"text": text})
        assert (status, found) == (200, close_to(result))
        assert headers["content-type"] == "application/json"
    assert ask(port, body={"text": texts})[2] == [close_to(result) for result in expected]
    assert [result["truncated"] for result in expected] == [False, False, True, False, False]
    assert ask(port, body={"text": []})[::2] == (200, [])


def test_each_of_many_clients_gets_its_own_answers_in_order(engine, port):
    texts = distinct(240)
    expected = make_classifier().predict(texts)
    # One text, or some, by clients that come together and keep their connection.
    parts = [texts[start : start + 1 + start % 5] for start in range(0, 230, 3)]

    def client(chosen):
        with connect(port) as connection:
            for part in chosen:
                connection.sendall(request(json.dumps({"text": part}).encode()))
                status, _, body = answer(connection)
                assert status == 200
                yield part, json.loads(body)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = [
            pair for pairs in pool.map(lambda n: list(client(parts[n::16])), range(16)) for pair in pairs
        ]
    assert len(answers) == len(parts)
    for part, results in answers:
        assert results == [close_to(expected[texts.index(text)]) for text in part]
    assert metric(port, "texts_total") == sum(map(len, parts)) == sum(rows for rows, _ in engine.shapes)


def test_texts_that_wait_are_scored_together_by_length(engine, port):
    """Forty requests of one text each, in two lengths: two batches."""
    short, long = [f"good {n}" for n in range(20)], [f"bad {n} " + "the " * 40 for n in range(20)]
    with concurrent.futures.ThreadPoolExecutor(41) as pool:
        with engine.held():
            first = pool.submit(ask, port, body={"text": "fine"})
            assert engine.entered.wait(60)
            others = [pool.submit(ask, port, body={"text": text}) for text in short + long]
            wait_for(lambda: metric(port, "waiting_texts") == 40)
        expected = make_classifier().predict(["fine", *short, *long])
        found = [future.result(60)[2] for future in [first, *others]]
    assert found == [close_to(result) for result in expected]
    assert [rows for rows, _ in engine.shapes] == [1, 20, 20]
    assert len({length for _, length in engine.shapes[1:]}) == 2
    assert metric(port, "waiting_texts") == 0
    assert metric(port, "batch_texts_count") == 3


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_has_the_oldest_and_what_fits_it_best(seed):
    rng = np.random.default_rng(seed)
    lengths = sorted(8 * rng.integers(1, 65, rng.integers(1, 200)))
    oldest = int(rng.integers(len(lengths)))
    chosen = nearest_in_length(lengths, oldest)
    batch = lengths[chosen]
    assert lengths[oldest] in batch
    assert chosen.start <= oldest < chosen.stop
    size = len(batch) * max(batch)
    assert size <= SCORING_BATCH_TOKENS
    assert size - sum(batch) <= MAX_PADDING * size
    # Equal lengths cost no padding: none is left behind while there is room.
    if size + max(batch) <= SCORING_BATCH_TOKENS:
        assert lengths[oldest] not in lengths[: chosen.start] + lengths[chosen.stop :]


def test_no_text_is_overtaken_for_ever(engine, port):
    """A long text among a stream of short ones is in the batch after the one that ran when it came."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool, engine.held():
        pool.submit(ask, port, body={"text": "good"})
        assert engine.entered.wait(60)
        pool.submit(ask, port, body={"text": "the " * 60})
        wait_for(lambda: metric(port, "waiting_texts") == 1)
        pool.submit(ask, port, body={"text": ["fine"] * 200})
        wait_for(lambda: metric(port, "waiting_texts") == 201)
    assert engine.shapes[1] == (1, 64)


def test_a_client_that_leaves_takes_its_texts_along(engine, port):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with engine.held():
            first = pool.submit(ask, port, body={"text": "good"})
            assert engine.entered.wait(60)
            with connect(port) as gone:
                gone.sendall(request(json.dumps({"text": ["bad"] * 7}).encode()))
                wait_for(lambda: metric(port, "waiting_texts") == 7)
            wait_for(lambda: metric(port, "waiting_texts") == 0)
            other = pool.submit(ask, port, body={"text": "fine"})
            wait_for(lambda: metric(port, "waiting_texts") == 1)
        assert first.result(60)[2]["label"] == other.result(60)[2]["label"] == "positive"
    assert [rows for rows, _ in engine.shapes] == [1, 1]
    assert metric(port, "requests_total", '{route="/predict",status="499"}') == 1


def test_a_batch_that_fails_is_told_to_those_in_it_alone(engine, port, caplog, monkeypatch):
    def failing(rows):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(make_classifier, "__doc__", None)
        patch.setattr(WordEngine, "__call__", lambda self, rows: failing(rows))
        status, _, found = ask(port, body={"text": ["good", "bad"]})
    assert (status, set(found)) == (500, {"error"})
    wait_for(lambda: "out of memory" in caplog.text)
    assert "out of memory" not in found["error"]
    assert ask(port, body={"text": "good"})[2]["label"] == "positive"
    assert metric(port, "requests_total", '{route="/predict",status="500"}') == 1


def test_explain_is_what_occlusion_says(port):
    text = "a <b>good</b> film , not bad"
    status, _, found = ask(port, "/explain", {"text": text})
    expected = explain(make_classifier(), text)
    assert (status, found["label"]) == (200, expected["label"])
    assert [word["text"] for word in found["words"]] == [word["text"] for word in expected["words"]]
    for word, other in zip(found["words"], expected["words"], strict=True):
        assert word["contribution"] == pytest.approx(other["contribution"], abs=1e-5)
    assert ask(port, "/explain", {"text": ""})[2]["words"] == []


def test_metrics_have_as_many_series_after_hostile_paths(port):
    def series():
        page = ask(port, "/metrics")[2]
        return {line.split(" ")[0] for line in page.splitlines() if line.startswith("keras_sentiment")}

    ask(port, "/nothing")
    ask(port, "/v2/models/none")
    before = series()
    for number in range(20):
        ask(port, f"/nothing/{number}")
        ask(port, f"/v2/models/none{number}")
    assert series() == before | {line for line in series() if "/metrics" in line}
    assert metric(port, "requests_total", '{route="other",status="404"}') == 21
    assert metric(port, "requests_total", '{route="/v2/models/{model_name}",status="404"}') == 21
    assert metric(port, "request_seconds_count", '{route="other"}') == 21


def test_openapi_describes_every_route_and_its_errors(port):
    found = ask(port, "/openapi.json")[2]
    assert {"/predict", "/explain", "/v2", "/v2/models/{model_name}/infer"} <= set(found["paths"])
    for path, methods in found["paths"].items():
        for operation in methods.values():
            schema = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert schema["$ref"].endswith("/Problem"), path
            assert "422" not in operation["responses"]
    bodies = [
        found["paths"][path]["post"]["requestBody"] for path in ("/predict", "/v2/models/{model_name}/infer")
    ]
    assert all("application/json" in body["content"] for body in bodies)
    # A reference that leads nowhere hides a part of the schema from every tool.
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(found)):
        place = found
        for key in reference.split("/"):
            place = place[key]


@pytest.mark.parametrize("log_texts", [False, True])
def test_texts_are_in_the_log_only_on_demand(log_texts, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "Bananen"
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [secret]}
    with serving(make_classifier(), log_texts=log_texts) as port:
        for path, body in (
            ("/predict", {"text": secret}),
            ("/predict", {"text": [1, secret]}),
            ("/predict", {secret: secret}),
            ("/explain", {"text": secret}),
            (INFER, {"inputs": [tensor]}),
            (INFER, {"inputs": [{**tensor, "shape": [2]}]}),
        ):
            ask(port, path, body)
        ask(port, f"/{secret}?text={secret}")
    assert "/predict 200" in caplog.text
    lines = [line for line in caplog.text.splitlines() if secret in line]
    assert len(lines) == (3 if log_texts else 0)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return write_artifact(tmp_path_factory.mktemp("served") / "words").path


@contextlib.contextmanager
def command(artifact, program=ENTRY, python=sys.executable, cwd=None):
    """Runs the command on a free port; gives its process and the port."""
    process = subprocess.Popen(
        [python, "-c", program, "serve", str(artifact), "--port", "0"],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        line = process.stderr.readline()
        assert line.startswith("words is served on http://127.0.0.1:"), line + process.stderr.read()
        yield process, urllib.parse.urlsplit(line.split()[-1]).port
    finally:
        process.kill()
        process.communicate()


def test_the_command_serves_an_artifact_without_keras(artifact):
    heavy = ["keras", "keras_hub", "tensorflow", "tensorflow_text", "torch", "jax", "sklearn", "pyarrow"]
    program = f"import sys; sys.modules.update(dict.fromkeys({heavy}))\n{ENTRY}"
    with command(artifact, program=program) as (process, port):
        found = ask(port, body={"text": TEXTS})[2]
        assert found == [close_to(result) for result in make_classifier().predict(TEXTS)]
        assert ask(port, "/v2/models/words/ready")[0] == 200
        process.terminate()
        out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "POST /predict 200" in error


def test_sigterm_answers_what_is_in_flight_and_takes_nothing_new(artifact, tmp_path):
    """The engine waits for a file, so that the signal comes while a text is scored and others wait."""
    going = tmp_path / "go"
    program = f"""
import pathlib, time
from keras_sentiment.inference import engines
score = engines.OnnxEngine.__call__
going = pathlib.Path({str(going)!r})
def waiting(self, rows):
    while rows["token_ids"].shape[0] == 7 and not going.exists():
        time.sleep(0.01)
    return score(self, rows)
engines.OnnxEngine.__call__ = waiting
{ENTRY}"""
    with (
        command(artifact, program=program) as (process, port),
        concurrent.futures.ThreadPoolExecutor(2) as pool,
        connect(port) as idle,
    ):
        idle.sendall(request(b'{"text": "good"}'))
        assert answer(idle)[0] == 200
        scored = pool.submit(ask, port, body={"text": ["good"] * 7})
        wait_for(lambda: metric(port, "batch_texts_count") == 2)
        waits = pool.submit(ask, port, body={"text": ["bad"] * 3})
        wait_for(lambda: metric(port, "waiting_texts") == 3)
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: refuses(port))
        assert idle.recv(1) == b""
        assert process.poll() is None
        going.touch()
        assert [result["label"] for result in scored.result(60)[2]] == ["positive"] * 7
        assert [result["label"] for result in waits.result(60)[2]] == ["negative"] * 3
        assert process.wait(60) == 0


def refuses(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionError:
        return True
    return False


def test_ctrl_c_is_130(artifact):
    with command(artifact) as (process, _):
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert error.endswith("Interrupted.\n")
    assert "Traceback" not in error


def test_mistakes_of_the_command(artifact, tmp_path, capfd, monkeypatch):
    from keras_sentiment.scripts import command_line

    def mistake(*arguments):
        monkeypatch.setattr(sys, "argv", ["keras-sentiment", "serve", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            command_line.main()
        out, error = capfd.readouterr()
        assert (stop.value.code, out, error.count("\n")) == (2, "", 1)
        return error

    before = signal.getsignal(signal.SIGTERM)
    try:
        assert "not an exported model" in mistake(tmp_path)
        assert "max_texts must be" in mistake(artifact, "--max-texts", "0")
        with listen(ServingConfig(port=0)) as taken:
            taken.listen()
            assert "give another --host or --port" in mistake(artifact, "--port", taken.getsockname()[1])
    finally:
        signal.signal(signal.SIGTERM, before)


# The slim installation

ROOT = Path(__file__).parents[1]


def listed() -> dict[str, str]:
    """The packages of requirements-serve.txt and their bounds."""
    lines = (ROOT / "requirements-serve.txt").read_text().splitlines()
    return dict(line.split(">=") for line in lines if line[0] != "#")


def imported(path: Path, seen: set[Path]) -> set[str]:
    """The packages that a module and what it imports of the library import at once, not in functions."""
    if path in seen or not path.is_file():
        return set()
    seen.add(path)
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if first != "keras_sentiment":
                found.add(first)
                continue
            folder = ROOT if rest[0] == "scripts" else ROOT / "keras_sentiment"
            # The last name may be a module, or what is in one.
            for parts in (rest, rest[:-1]):
                found |= imported(folder.joinpath(*parts).with_suffix(".py"), seen)
    return found - set(sys.stdlib_module_names)


def test_the_requirements_are_what_the_server_imports():
    seen: set[Path] = set()
    found = imported(ROOT / "scripts" / "serve_model.py", seen)
    found |= imported(ROOT / "keras_sentiment" / "serving" / "server.py", seen)
    assert {name.replace("_", "-") for name in found} | {"onnxruntime"} == set(listed())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds = {*project["dependencies"], *project["optional-dependencies"]["serve"]}
    assert {f"{name}>={bound}" for name, bound in listed().items()} <= bounds


@pytest.mark.slow
def test_a_slim_installation_answers(artifact, tmp_path):
    """In a new environment that has neither Keras nor a backend."""
    source, environment = tmp_path / "source", tmp_path / "venv"
    for folder in ("keras_sentiment", "scripts"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source / file)
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraint = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, "-r", str(ROOT / "requirements-serve.txt"), *constraint], check=True)
    subprocess.run([*pip, "--no-deps", str(source)], check=True)
    for heavy in ("keras", "tensorflow", "torch"):
        found = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({heavy!r}) is not None)"
        subprocess.run([str(python), "-c", found], check=True, cwd=tmp_path)
    with command(artifact, python=str(python), cwd=tmp_path) as (_, port):
        assert ask(port, body={"text": TEXTS})[2] == [close_to(r) for r in make_classifier().predict(TEXTS)]
        assert "<textarea" in ask(port, "/")[2]
