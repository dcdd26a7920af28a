"""Whom the server answers: its names, its own page, declared types, keys."""

import contextlib

import pytest

from helpers.requests import INFER
from helpers.served import ask, error_of, get, make_classifier, request, say, serving
from keras_sentiment.errors import InputError
from keras_sentiment.serving.access import Access, Refusal, read_keys
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.server import listen

pytestmark = pytest.mark.once
GOOD = b'{"text": "good"}'
KEY, OTHER = b"0123456789abcdef", b"fedcba98765432100"


def named(host: str, path: str = "/v2") -> bytes:
    return get(path, host=host)


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8000"]
)
def test_a_loopback_server_answers_to_loopback_names(port, host):
    assert say(port, named(host))[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "localhost.example",
        "127.0.0.1.example:8000",
        "10.0.0.7:8000",
        "",
        "localhost@evil",
        "a[::1]",
        "localhost:port",
    ],
)
def test_and_to_no_other(engine, port, host):
    """A page whose name leads to this machine's address sends its own name: on every route."""
    for path in ("/", "/metrics", "/openapi.json", "/v2", "/v2/health", "/nothing"):
        assert "--allowed-host" in error_of(say(port, named(host, path)))
    for path in ("/predict", "/explain", INFER):
        assert say(port, request(GOOD, path).replace(b"Host: localhost", f"Host: {host}".encode()))[0] == 403
    assert say(port, b"GET / HTTP/1.0\r\n\r\n")[0] == 403
    assert not engine.shapes


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready"])
def test_a_probe_is_answered_whatever_name_it_says(port, path):
    """A kubelet says the address of the container, and an HTTP/1.0 check nothing."""
    assert say(port, named("10.0.0.7:8000", path))[0] == 200
    assert say(port, f"GET {path} HTTP/1.0\r\n\r\n".encode())[0] == 200
    with serving(make_classifier(), host="0.0.0.0", allowed_hosts=("model.example",)) as port:
        assert say(port, named("10.0.0.7:8000", path))[0] == 200
        assert say(port, named("10.0.0.7:8000"))[0] == 403


def test_elsewhere_any_name_will_do_unless_names_are_given():
    """Probes of a cluster name the address of a container, which nobody knows beforehand."""
    with serving(make_classifier(), host="0.0.0.0") as port:
        for host in ("10.0.0.7:8000", "words.default.svc.cluster.local", ""):
            assert say(port, named(host))[0] == 200
    with serving(make_classifier(), host="0.0.0.0", allowed_hosts=("Model.example", "[::1]")) as port:
        assert say(port, named("model.EXAMPLE:443"))[0] == 200
        assert say(port, named("[::1]:8000"))[0] == 200
        assert say(port, named("localhost"))[0] == 403


def asked(access: Access, host: str, **headers: str) -> bool:
    """Whether a request is answered that says this Host."""
    lines = [(b"host", host.encode()), *((name.encode(), value.encode()) for name, value in headers.items())]
    try:
        access.check({"headers": lines, "path": "/", "method": "GET"})
    except Refusal:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.2", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1"])
def test_every_address_of_loopback_is_loopback(host):
    own = f"[{host}]" if ":" in host else host
    assert asked(Access(host), f"{own}:1")
    assert not asked(Access(host), "rebound.example")


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "::ffff:127.0.0.1", "localhost"])
def test_loopback_is_where_the_server_listens_however_it_was_said(host):
    try:
        listener = listen(ServingConfig(host=host, port=0))
    except InputError:
        pytest.skip("this machine has no such address")
    with listener:
        access = Access(host, address=listener.getsockname()[0])
    assert not asked(access, "rebound.example")
    assert not asked(access, "10.0.0.7")
    for name in (
        "localhost:80",
        "127.0.0.1",
        "[::1]",
        "[::ffff:7f00:1]",
        f"[{host}]" if ":" in host else host,
    ):
        assert asked(access, name)


def test_a_name_of_this_machine_may_lead_to_loopback():
    access = Access("Builder", address="127.0.1.1")
    assert [asked(access, name) for name in ("builder:8000", "127.0.1.1", "rebound.example")] == [
        True,
        True,
        False,
    ]


def test_names_that_are_given_come_beside_those_of_loopback():
    access = Access("127.0.0.1", ("model.example",))
    for name in ("model.example", "localhost:8000", "127.0.0.1", "[::1]"):
        assert asked(access, name)
    assert not asked(access, "rebound.example")


def test_the_page_behind_a_proxy_that_puts_another_host():
    access = Access("127.0.0.1", ("model.example",))
    for origin in ("https://model.example", "https://Model.example:8443"):
        assert asked(access, "127.0.0.1:8000", origin=origin)
    for origin in ("https://rebound.example", "https://localhost", "model.example", "null"):
        assert not asked(access, "127.0.0.1:8000", origin=origin)
    # Without a Host, an Origin that says nothing is not the same.
    assert not asked(Access("0.0.0.0"), "", origin="null")
    scope = {"headers": [(b"origin", b"https://model.example")], "path": "/", "method": "GET"}
    with pytest.raises(Refusal, match="--allowed-host"):
        Access("0.0.0.0").check(scope)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "http://localhost.evil"]
)
def test_another_sites_page_is_refused_on_every_route(engine, port, origin):
    line = f"Origin: {origin}\r\n"
    for path in ("/", "/metrics", "/v2/health/live"):
        assert say(port, get(path, line))[0] == 403
    for path in ("/predict", "/explain", INFER):
        assert "Pages of other sites" in error_of(ask(port, path, GOOD, headers=line))
    # Beside a good one, too.
    assert ask(port, body=GOOD, headers=f"Origin: http://localhost\r\n{line}")[0] == 403
    assert not engine.shapes


def test_the_servers_own_page_may_ask_it(port):
    own = f"127.0.0.1:{port}"
    raw = request(GOOD, headers=f"Origin: http://{own}\r\n").replace(
        b"Host: localhost", f"Host: {own}".encode()
    )
    assert say(port, raw)[0] == 200
    # Behind a proxy that speaks TLS.
    assert ask(port, body=GOOD, headers="Origin: https://localhost\r\n")[0] == 200


TYPES = [
    "text/plain",
    "text/plain;application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "",
]


@pytest.mark.parametrize("path", ["/predict", "/explain", INFER, "/nothing"])
@pytest.mark.parametrize("kind", [*TYPES, "application/jsonp", "application/problem+json"])
def test_what_a_page_may_send_unasked_is_no_json(engine, port, path, kind):
    body = b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["good"]}]}'
    body = body if path == INFER else GOOD
    for line in (f"Content-Type: {kind}", f"Content-Type: application/json\r\nContent-Type: {kind}"):
        result = say(port, request(body, path).replace(b"Content-Type: application/json", line.encode()))
        assert result[0] == 415
        assert "application/json" in error_of(result)
    assert not engine.shapes


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_json(port, kind):
    raw = request(GOOD).replace(b"application/json", kind.encode())
    assert say(port, raw)[0] == 200


def test_binary_tensors_are_for_one_route_alone(port):
    raw = request(GOOD).replace(b"application/json", b"application/octet-stream")
    assert say(port, raw)[0] == 415
    assert say(port, raw.replace(b"/predict", INFER.encode()))[0] == 400  # read, and found to be no request
    untyped = request(GOOD, INFER).replace(b"Content-Type: application/json\r\n", b"")
    assert say(port, untyped)[0] == 400
    assert say(port, untyped.replace(INFER.encode(), b"/predict"))[0] == 415


@pytest.fixture
def locked(engine):
    """The port of a server that asks for a key."""
    with serving(make_classifier(engine), keys=(KEY, OTHER)) as port:
        yield port


def test_each_key_opens_every_route(locked):
    for key in (KEY, OTHER):
        line = f"Authorization: Bearer {key.decode()}\r\n"
        assert ask(locked, body=GOOD, headers=line)[0] == 200
        assert ask(locked, "/metrics", headers=line)[0] == 200
    assert ask(locked, body=GOOD, headers=f"authorization: BEARER {KEY.decode()}\r\n")[0] == 200


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {KEY.decode()[:-1]}",
        f"Bearer {KEY.decode()}0",
        f"Basic {KEY.decode()}",
        KEY.decode(),
    ],
)
def test_without_one_nothing_is_computed_or_shown(engine, locked, value):
    line = "" if value is None else f"Authorization: {value}\r\n"
    for path in ("/predict", "/explain", INFER):
        result = ask(locked, path, GOOD, headers=line)
        assert (result[0], result[1]["www-authenticate"]) == (401, "bearer")  # `answer` lowers headers
        assert KEY.decode() not in error_of(result)
    for path in ("/metrics", "/v2", "/v2/models/words", "/nothing"):
        assert ask(locked, path, headers=line)[0] == 401
    assert not engine.shapes


def test_probes_and_the_page_need_none(locked):
    for path in ("/v2/health/live", "/v2/health/ready", "/", "/openapi.json"):
        assert ask(locked, path)[0] == 200


def test_every_key_is_compared_in_constant_time(monkeypatch):
    from keras_sentiment.serving import access

    compared = []
    monkeypatch.setattr(access.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    for key, fits in ((KEY, True), (KEY[:-1], False), (OTHER, True)):
        headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + key)]
        scope = {"headers": headers, "path": "/metrics", "method": "GET"}
        with contextlib.nullcontext() if fits else pytest.raises(Refusal):
            Access("localhost", keys=(KEY, OTHER)).check(scope)
    # By digests: of two lengths the comparison would tell which is right.
    assert len(compared) == 6
    assert {len(each) for pair in compared for each in pair} == {32}


def test_a_file_of_keys(tmp_path):
    file, link = tmp_path / "keys", tmp_path / "link"
    file.write_bytes(b"\n" + KEY + b"\r\n\n  " + OTHER + b"  ")
    link.symlink_to(file)  # as a cluster mounts its secrets
    assert read_keys(str(link)) == (KEY, OTHER)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no key"),
        (b"\n \n", "no key"),
        (b"secretsecretsec", "line 1"),
        (KEY + b"\nsecret", "line 2"),
        (b"secretsecret secretsecret", "line 1"),
        (b"secretsecretsecret\x07", "line 1"),
        ("secretsecretsecré".encode(), "not ASCII"),
        ((b"secret" * 10 + b"\n") * 2000, "larger"),
        (None, "not a regular file"),
    ],
)
def test_a_file_of_no_keys_is_refused_and_not_quoted(tmp_path, content, said):
    import os

    file = tmp_path / "keys"
    if content is None:
        os.mkfifo(file)
    else:
        file.write_bytes(content)
    with pytest.raises(InputError, match=said) as error:
        read_keys(str(file))
    assert "secret" not in str(error.value)
    assert str(file) in str(error.value)
    with pytest.raises(InputError, match="nowhere: the file can't be read"):
        read_keys("nowhere")
