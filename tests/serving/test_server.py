"""Where a server listens, and settings that make no sense."""

import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.serving.access import Access
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.server import announcement, listen, page_url

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"port": 65536}, "port"),
        ({"max_body_bytes": 0}, "max_body_bytes"),
        ({"max_texts": 0}, "max_texts"),
        ({"max_connections": -1}, "max_connections"),
        ({"allowed_hosts": ("localhost", "words.example:80")}, "allowed_host"),
        ({"allowed_hosts": ("http://words.example",)}, "allowed_host"),
        ({"allowed_hosts": ("::1",)}, "allowed_host"),
        ({"allowed_hosts": ("",)}, "allowed_host"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"max_texts": 100, "max_waiting": 99}, "max_waiting"),
        ({"max_texts": 1, "max_waiting": 64}, "max_waiting"),
    ],
)
def test_settings_that_make_no_sense(settings, name):
    with pytest.raises(InputError, match=f"{name} must be .* Received: {name}="):
        ServingConfig(**settings)


def test_a_taken_port_and_a_foreign_host_are_the_users_mistake():
    with listen(ServingConfig(port=0)) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}: the server can.t listen there"):
            listen(ServingConfig(port=port))
    with pytest.raises(InputError, match=r"192\.0\.2\.1:0"):
        listen(ServingConfig(host="192.0.2.1", port=0))


def test_a_name_says_nothing_to_the_terminal():
    lines = announcement("words\x1b]0;owned\x07\r\n", "http://[::1]:8000/", keyed=False)
    assert all(line.isprintable() for line in lines)
    assert lines[0].endswith(" is served on http://[::1]:8000/")
    assert lines[1].endswith(" 'http://[::1]:8000/predict'")
    assert "Ctrl-C" in lines[-1]


@pytest.mark.parametrize(
    ("address", "allowed", "expected"),
    [
        ("127.0.0.1", (), "http://127.0.0.1:8000/"),
        ("127.0.0.1", ("words.example",), "http://127.0.0.1:8000/"),
        ("::1", (), "http://[::1]:8000/"),
        ("0.0.0.0", (), "http://127.0.0.1:8000/"),
        ("::", (), "http://[::1]:8000/"),
        ("192.0.2.7", (), "http://192.0.2.7:8000/"),
        ("0.0.0.0", ("words.example",), "http://words.example:8000/"),
        ("::", ("[2001:db8::7]",), "http://[2001:db8::7]:8000/"),
    ],
)
def test_the_announced_url_is_one_that_is_answered(address, allowed, expected):
    assert page_url(address, 8000, allowed) == expected
    host = expected.split("/")[2].encode()
    scope = {"path": "/", "method": "GET", "headers": [(b"host", host)]}
    Access(address, allowed, address=address).check(scope)
