"""The guard before the dashboard: who is let in, by what they send to a dashboard that is really served."""

import asyncio
import http.client
import re
import shutil
import socket

import pytest
from served_dashboard import ServedDashboard
from starlette.responses import PlainTextResponse

from yolact_temporal.cli import main as cli
from yolact_temporal.dashboards.guard import Guard, content_policy
from yolact_temporal.dashboards.hosts import Place, own_places

KEPT = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


LET_IN = PlainTextResponse("let in")


def answered(scope, app=LET_IN):
    """The messages that a guard sends for a request."""
    sent = []

    async def receive():
        return {"type": f"{scope['type']}.connect"}

    async def send(message):
        sent.append(message)

    guard = Guard(app, own_places("127.0.0.1", "127.0.0.1", 80, []), ["<script>own()</script>"])
    asyncio.run(guard(scope, receive, send))
    return sent


def test_a_websocket_is_refused_with_a_sentence_where_the_server_can_send_one():
    scope = {
        "type": "websocket",
        "headers": [(b"host", b"evil.example"), (b"origin", b"http://evil.example")],
    }
    assert [message["type"] for message in answered(scope)] == ["websocket.close"]
    start, body = answered(scope | {"extensions": {"websocket.http.response": {}}})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    assert body["body"].startswith(b"expected one of this dashboard's own names")


def test_headers_stand_once_whatever_the_application_says():
    said = PlainTextResponse(
        "x", headers={"X-Frame-Options": "ALLOWALL", "Referrer-Policy": "unsafe-url", "X-Own": "1"}
    )
    start, _ = answered({"type": "http", "headers": [(b"host", b"localhost")]}, said)
    names = [name.decode().lower() for name, _ in start["headers"]]
    assert len(names) == len(set(names))
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    assert headers.items() >= KEPT.items()
    assert headers["x-own"] == "1"


def test_what_is_no_request_is_handed_on():
    async def app(scope, receive, send):
        await send(scope["type"])

    assert answered({"type": "lifespan"}, app) == ["lifespan"]


def test_the_policy_names_the_pages_own_scripts_and_nothing_inline_besides():
    policy = content_policy(
        [Place("lab", 8501), Place("::1", 8501)], ["<script>own()</script><script src=x></script>"]
    )
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    # echo -n 'own()' | openssl dgst -sha256 -binary | base64
    assert rules["script-src"] == "'self' blob: 'sha256-1yruO3ZUqBddjC8oRrsLLZ/oiHYCAveB39McCaLvqnk='"
    assert rules["connect-src"] == "'self' ws://lab:8501 wss://lab:8501"
    assert rules["frame-ancestors"] == rules["object-src"] == rules["base-uri"] == "'none'"
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize(
    "options", [["--address", "0.0.0.0"], ["--address", "::"], ["--allow-host", "http://lab"]]
)
def test_hosts_are_asked_for_before_anything_is_made(options, tmp_path, capsys):
    assert cli.main(["dashboard", str(tmp_path / "new"), "--port", "0", *options]) == 2
    told = capsys.readouterr().err
    assert "--allow-host" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def served(finished_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copytree(finished_run.parent, folder / "runs")
    with ServedDashboard(folder / "runs", folder / "log.txt", "--allow-host", "lab.example:443") as started:
        yield started


def ask(served, address, *, method="GET", **headers):
    """What the dashboard answers, as (status, headers, body); a header that is None is left out."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    try:
        connection.putrequest(method, address, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": f"127.0.0.1:{served.port}"} | headers).items():
            if value is not None:
                connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, named, answer.read()
    finally:
        connection.close()


ADDRESSES = (
    "/",
    "/viewer?run=scene",
    "/overview",
    "/picture?run=scene&frame=1",
    "/picture?run=none&frame=1",
    "/crop?run=scene&frame=1&model=steady_model&track=1",
    "/overlay?run=scene&model=steady_model",
    "/no/such/page",
    "/_stcore/health",
    "/_stcore/host-config",
    "/media/none.png",
    "/component/none/x.js",
)


@pytest.mark.slow
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_is_guarded_and_every_answer_has_the_headers(served, address):
    usual, headers, _ = ask(served, address)
    assert headers.items() >= KEPT.items()
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert usual < 500
    evil = f"evil.example:{served.port}"
    for wrong in (
        {"Host": evil},
        {"Host": evil, "Origin": f"http://{evil}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
    ):
        status, headers, body = ask(served, address, **wrong)
        assert (status, headers["content-type"]) == (403, "text/plain; charset=utf-8")
        assert headers.items() >= KEPT.items()
        assert re.fullmatch(rb"expected [^\n]+\n", body)
        assert "access-control-allow-origin" not in headers
    assert ask(served, address, Host=None)[0] == 400
    assert ask(served, address, Host="lab.example")[0] == usual


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_no_method_leads_around_the_guard(served, method):
    address = "/_stcore/upload_file/00000000-0000-0000-0000-000000000000/x"
    assert ask(served, address, method=method, Origin="http://evil.example", Content_Length="0")[0] == 403


def handshake(served, host, origin):
    """Open Streamlit's websocket as a browser does that was told that `host` is this machine."""
    from websockets.sync.client import connect

    return connect(
        f"ws://{host}/_stcore/stream",
        sock=socket.create_connection(("127.0.0.1", served.port), timeout=30),
        origin=origin,
        subprotocols=["streamlit"],
        open_timeout=30,
        max_size=None,
    )


@pytest.mark.slow
def test_a_page_of_the_dashboard_drives_it(served):
    from streamlit.proto.BackMsg_pb2 import BackMsg

    place = f"localhost:{served.port}"
    with handshake(served, place, f"http://{place}") as client:
        wish = BackMsg()
        wish.rerun_script.query_string = ""
        client.send(wish.SerializeToString())
        assert client.recv(timeout=30)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example:{}", "http://evil.example:{}"),  # a name that was rebound to this machine
        ("evil.example:{}", "http://127.0.0.1:{}"),
        ("evil.example:{}", None),
        ("127.0.0.1:{}", "http://evil.example"),
        ("127.0.0.1:{}", "http://evil.example:{}"),
        ("127.0.0.1:{}", "http://127.0.0.1:1"),  # another program's page on this machine
        ("127.0.0.1:{}", "null"),
        ("127.0.0.1:{}", None),
    ],
)
def test_a_page_of_another_origin_does_not_get_through_the_websocket(served, host, origin):
    from websockets.exceptions import InvalidStatus

    with (
        pytest.raises(InvalidStatus) as refused,
        handshake(served, host.format(served.port), origin and origin.format(served.port)),
    ):
        pass
    assert refused.value.response.status_code == 403
    assert refused.value.response.body.startswith(b"expected ")
    assert not (served.root / ".dashboard").exists()
