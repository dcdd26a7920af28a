"""`serve`: an artifact behind HTTP, without Keras, until a signal."""

import ast
import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.parse
import venv
from pathlib import Path

import pytest

from helpers.served import (
    answer,
    ask,
    close_to,
    connect,
    get,
    make_classifier,
    metric,
    request,
    say,
    wait_for,
    write_artifact,
)
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.log import MAX_WARNINGS
from keras_sentiment.serving.server import announcement, listen

pytestmark = pytest.mark.once
ENTRY = "from keras_sentiment.scripts.command_line import main; main()"
TEXTS = ["good", "bad film", "", "电影 \U0001f600"]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return write_artifact(tmp_path_factory.mktemp("served") / "words").path


@contextlib.contextmanager
def command(artifact, *arguments, program=ENTRY, python=sys.executable, cwd=None):
    """Runs the command on a free port; gives its process and the port."""
    process = subprocess.Popen(
        [python, "-c", program, "serve", str(artifact), "--port", "0", *map(str, arguments)],
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
        url = line.split()[-1]
        assert f"Open {url} in a browser" in process.stderr.readline()
        assert "Ctrl-C" in process.stderr.readline()
        yield process, urllib.parse.urlsplit(url).port
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


def test_sigterm_does_not_wait_for_who_still_sends(artifact):
    with command(artifact, "--timeout-seconds", 600) as (process, port), connect(port) as half:
        half.sendall(request(b'{"text"', length=20))
        wait_for(lambda: ask(port, body={"text": "good"})[0] == 200)
        process.terminate()
        assert answer(half)[0] == 503
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


def _in_foreground():
    """Lets Ctrl-C count, even where tests run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("module", ["fastapi", "onnxruntime"])
@pytest.mark.parametrize(
    ("number", "status", "said"), [(signal.SIGTERM, 0, ""), (signal.SIGINT, 130, "Interrupted.\n")]
)
def test_a_signal_while_it_starts(artifact, module, number, status, said):
    """It comes while the server's packages are imported, or while the model is opened."""
    program = f"""
import os, sys
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            try:
                os.kill(os.getpid(), {int(number)})
            except BaseException:
                pass  # as one is lost in what C code calls
sys.meta_path.insert(0, Finder)
{ENTRY}"""
    arguments = [sys.executable, "-c", program, "serve", str(artifact), "--port", "0"]
    found = subprocess.run(arguments, capture_output=True, text=True, timeout=60, preexec_fn=_in_foreground)
    assert (found.returncode, found.stdout, found.stderr) == (status, "", said)
    # Whoever reads its messages may have left.
    reading, writing = os.pipe()
    os.close(reading)
    found = subprocess.run(arguments, stderr=writing, timeout=60, preexec_fn=_in_foreground)
    os.close(writing)
    assert found.returncode == status


def test_more_silent_clients_than_descriptors(artifact):
    """They give way to honest ones, and the log stays short."""
    program = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n{ENTRY}"
    with command(artifact, program=program) as (process, port), contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connect(port))
        for _ in range(3):
            assert ask(port, "/v2/health/live")[0] == 200
            assert ask(port, body={"text": "good"})[0] == 200
        process.terminate()
        error = process.communicate(timeout=60)[1]
    assert error.count("\n") == 6
    assert process.returncode == 0


def test_garbage_does_not_fill_the_log(artifact):
    with command(artifact) as (process, port):
        for _ in range(50):
            with connect(port) as connection:
                connection.sendall(b"\x16\x03\x01\r\n\r\n")
        wait_for(lambda: ask(port, "/v2/health/live")[0] == 200)
        process.terminate()
        error = process.communicate(timeout=60)[1]
    assert error.count("Invalid HTTP") == MAX_WARNINGS


def test_keys_and_names_of_the_command(artifact, tmp_path):
    file, key = tmp_path / "keys", "0123456789abcdef"
    file.write_text(key)
    arguments = ("--host", "127.1", "--api-key-file", file, "--allowed-host", "words.example")
    with command(artifact, *arguments) as (process, port):
        assert ask(port, body={"text": "good"})[0] == 401
        line = f"Authorization: Bearer {key}\r\n"
        assert ask(port, body={"text": "good"}, headers=line)[0] == 200
        for host, status in (("words.example:80", 200), ("127.0.0.1", 200), ("rebound.example", 403)):
            assert say(port, get("/v2", line, host=host))[0] == status
        process.terminate()
        error = process.communicate(timeout=60)[1]
    assert key not in error


@pytest.mark.parametrize(
    ("arguments", "warned"), [((), True), (("--quiet",), True), (("--api-key-file", "keys"), False)]
)
def test_a_server_that_others_reach_without_a_key_is_warned_of(artifact, tmp_path, arguments, warned):
    (tmp_path / "keys").write_text("0123456789abcdef")
    settings = ["serve", str(artifact), "--host", "0.0.0.0", "--port", "0", *arguments]
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY, *settings], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stderr.readline()
    finally:
        process.kill()
        process.communicate()
    assert ("No --api-key-file" in line) == warned
    assert ("is served on http://127.0.0.1:" in line) != warned
    assert ("and on all other addresses of this machine" in line) != warned


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("keyed", [False, True])
def test_the_announced_command_labels_a_text(artifact, tmp_path, keyed):
    key = "0123456789abcdef"
    (tmp_path / "keys").write_text(key)
    with command(artifact, *(("--api-key-file", tmp_path / "keys") if keyed else ())) as (_, port):
        line = announcement("words", f"http://127.0.0.1:{port}/", keyed)[1]
        shell = line.partition("from a shell: ")[2]
        found = subprocess.run(
            ["sh", "-c", shell], env={**os.environ, "API_KEY": key}, capture_output=True, check=True
        )
    assert json.loads(found.stdout) == close_to(make_classifier().predict(["A good film."])[0])


def test_mistakes_of_the_command(artifact, tmp_path, capfd, monkeypatch):
    from keras_sentiment.scripts import command_line

    def mistake(*arguments):
        monkeypatch.setattr(sys, "argv", ["keras-sentiment", "serve", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            command_line.main()
        out, error = capfd.readouterr()
        assert (stop.value.code, out, error.count("\n")) == (2, "", 1)
        return error

    short = tmp_path / "short"
    short.write_text("secret")
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert "max_connections=1000000000" in mistake(artifact, "--max-connections", 10**9)
        assert "secret" not in mistake(artifact, "--api-key-file", short)
        assert "not an exported model" in mistake(tmp_path)
        assert "max_texts must be" in mistake(artifact, "--max-texts", "0")
        with listen(ServingConfig(port=0)) as taken:
            taken.listen()
            assert "give another --host or --port" in mistake(artifact, "--port", taken.getsockname()[1])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


ROOT = Path(__file__).parents[2]


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
    found |= {"onnxruntime", "tqdm"}  # imported by functions
    assert {name.replace("_", "-") for name in found} == set(listed())
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
