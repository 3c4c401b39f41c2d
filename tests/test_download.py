"""Fetching weights from a real server on loopback, whole and broken."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.weights_server import Served, Server, running_server
from yolact_temporal.errors import OutOfSpaceError, UsageError, WeightsError
from yolact_temporal.yolact import build_yolact
from yolact_temporal.yolact.weights import (
    REGISTRY,
    WeightsEntry,
    fetch,
    find_weights,
    list_weights,
    load_weights,
)
from yolact_temporal.yolact.weights import download as download_module
from yolact_temporal.yolact.weights.download import download

NAME = "small"
BUILD = partial(build_yolact, "yolact_compact")


def saved(state: object, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    return dict(BUILD().state_dict())


@pytest.fixture(scope="module")
def content(state: dict[str, torch.Tensor]) -> bytes:
    return saved(state)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("YOLACT_TEMPORAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def registry(url: str | None = None) -> dict[str, WeightsEntry]:
    return {NAME: WeightsEntry(NAME, BUILD, url=url)}


def parts(cache: Path) -> list[Path]:
    return sorted(cache.glob("weights/partial/*.part"))


def random_bytes(count: int, seed: int = 0) -> bytes:
    return (
        torch.randint(0, 256, (count,), generator=torch.manual_seed(seed), dtype=torch.uint8)
        .numpy()
        .tobytes()
    )


# The transfer itself, on bytes that mean nothing.


@pytest.mark.parametrize(
    ("served", "ranges_asked"),
    [
        (Served(), [None]),
        (Served(length=False), [None]),
        (Served(etag="none"), [None]),
        (Served(ranges=False), [None]),
    ],
    ids=["ordinary", "no-length", "no-validator", "no-ranges"],
)
def test_a_whole_download_is_byte_exact(
    server: Server, tmp_path: Path, served: Served, ranges_asked: list[str | None]
) -> None:
    served.content = random_bytes(700_001)
    seen: list[tuple[int, int | None]] = []
    download(
        server.put("/whole", served), tmp_path / "x.part", lambda done, total: seen.append((done, total))
    )
    assert (tmp_path / "x.part").read_bytes() == served.content
    assert served.requests == ranges_asked
    assert seen[0][0] == 0
    assert seen[-1] == (700_001, 700_001 if served.length else None)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("served", "ranges_asked", "resumed"),
    [
        (Served(), [None, "bytes=123457-"], True),
        (Served(ranges=False), [None, "bytes=123457-"], False),
        (Served(etag="weak", ranges=False), [None, "bytes=123457-"], False),
        (Served(etag="none"), [None, None], False),
        (Served(shift=1), [None, "bytes=123457-", None], False),
        (Served(shift=-1), [None, "bytes=123457-", None], False),
    ],
    ids=["ranges", "no-ranges", "weak-etag", "no-validator", "gap-in-range", "overlap-in-range"],
)
def test_a_cut_download_keeps_its_part_and_the_next_attempt_ends_byte_exact(
    server: Server, tmp_path: Path, served: Served, ranges_asked: list[str | None], resumed: bool
) -> None:
    served.content = random_bytes(700_001)
    served.cut_after = [123_457]
    url, part = server.put("/cut", served), tmp_path / "x.part"
    with pytest.raises(
        WeightsError, match=r"expected 700001 bytes .* got 123457 .* same command again to resume"
    ):
        download(url, part)
    assert part.read_bytes() == served.content[:123_457]

    seen: list[tuple[int, int | None]] = []
    download(url, part, lambda done, total: seen.append((done, total)))
    assert part.read_bytes() == served.content
    assert served.requests == ranges_asked
    assert seen[0] == (123_457 if resumed else 0, 700_001)


def test_a_download_cut_many_times_ends_byte_exact(server: Server, tmp_path: Path) -> None:
    served = Served(random_bytes(500_000), cut_after=[1, 99_999, 262_144, 7])
    url, part = server.put("/many", served), tmp_path / "x.part"
    for have in (1, 100_000, 362_144, 362_151):
        with pytest.raises(WeightsError):
            download(url, part)
        assert part.stat().st_size == have
    download(url, part)
    assert part.read_bytes() == served.content
    assert served.requests[1:] == ["bytes=1-", "bytes=100000-", "bytes=362144-", "bytes=362151-"]


def test_a_file_that_changed_meanwhile_is_never_mixed_with_the_old_part(
    server: Server, tmp_path: Path
) -> None:
    part = tmp_path / "x.part"
    url = server.put("/changing", Served(random_bytes(300_000, seed=1), cut_after=[100_000]))
    with pytest.raises(WeightsError):
        download(url, part)
    new = Served(random_bytes(300_000, seed=2))
    server.put("/changing", new)
    download(url, part)
    assert part.read_bytes() == new.content
    assert new.requests == ["bytes=100000-"]


def test_a_part_longer_than_the_file_starts_over(server: Server, tmp_path: Path) -> None:
    served, part = Served(random_bytes(200_000), cut_after=[150_000]), tmp_path / "x.part"
    url = server.put("/longer", served)
    with pytest.raises(WeightsError):
        download(url, part)
    with part.open("ab") as file:
        file.write(bytes(100_000))
    download(url, part)
    assert part.read_bytes() == served.content
    assert served.requests == [None, "bytes=250000-", None]


def test_a_part_that_came_whole_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    served, part = Served(random_bytes(50_000)), tmp_path / "x.part"
    url = server.put("/again", served)
    download(url, part)
    download(url, part)
    assert served.requests == [None]
    assert part.read_bytes() == served.content


def test_a_redirect_is_followed_and_resumed_behind_it(server: Server, tmp_path: Path) -> None:
    served, part = Served(random_bytes(200_000), cut_after=[60_000]), tmp_path / "x.part"
    server.put("/blob", served)
    url = server.put("/redirect", Served(location="/blob"))
    with pytest.raises(WeightsError):
        download(url, part)
    download(url, part)
    assert part.read_bytes() == served.content
    assert served.requests == [None, "bytes=60000-"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "answered 404 Not Found: check the address, or get the file elsewhere"),
        (401, "answered 401 Unauthorized: check the address"),
        (429, "answered 429 Too Many Requests: try again later"),
        (503, "answered 503 Service Unavailable: try again later"),
    ],
)
def test_an_error_status_is_one_sentence(server: Server, tmp_path: Path, status: int, words: str) -> None:
    url = server.put("/status", Served(status=status))
    with pytest.raises(WeightsError) as caught:
        download(url, tmp_path / "x.part")
    assert words in str(caught.value)
    assert url in str(caught.value)
    assert caught.value.exit_code == 3
    assert not (tmp_path / "x.part").exists()


def test_an_error_status_leaves_the_part_to_be_resumed(server: Server, tmp_path: Path) -> None:
    served, part = Served(random_bytes(90_000), cut_after=[40_000]), tmp_path / "x.part"
    url = server.put("/flaky", served)
    with pytest.raises(WeightsError):
        download(url, part)
    served.status = 503
    with pytest.raises(WeightsError, match="503"):
        download(url, part)
    served.status = None
    download(url, part)
    assert part.read_bytes() == served.content
    assert served.requests[-1] == "bytes=40000-"


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        WeightsError, match=rf"expected an answer from 127.0.0.1:{port}, got none .*check the network"
    ):
        download(f"http://127.0.0.1:{port}/x.pth", tmp_path / "x.part")


@pytest.mark.slow
@pytest.mark.smoke
def test_a_server_that_falls_silent_is_given_up_and_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 100\r\n\r\nfirst')
                time.sleep(1.0)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(
            WeightsError, match=r"the connection broke \(timed out\): run the same command again"
        ):
            download(url, tmp_path / "x.part")
        thread.join()
    assert (tmp_path / "x.part").read_bytes() == b"first"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "yolact_base.pth", "http:///x"])
def test_only_full_http_addresses_are_taken(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected an http or https address"):
        download(url, tmp_path / "x.part")
    assert not (tmp_path / "x.part").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_says_so(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    part.symlink_to("/dev/full")
    url = server.put("/full", Served(random_bytes(100_000), etag="none"))

    class Full(type(part)):  # type: ignore[misc]
        def unlink(self, missing_ok: bool = False) -> None:
            pass

    with pytest.raises(OutOfSpaceError, match="YOLACT_TEMPORAL_CACHE") as caught:
        download(url, Full(part))
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC


# The whole of fetch: transfer, check, cache.


@pytest.mark.slow
def test_fetched_weights_are_stored_by_content_and_load(
    server: Server, content: bytes, state: dict[str, torch.Tensor], cache: Path
) -> None:
    url = server.put("/ok.pth", Served(content))
    before = BUILD()
    found = fetch(NAME, registry=registry(url))
    assert found.path == cache / "weights" / "blobs" / f"{found.sha256}.pth"
    assert found.path.read_bytes() == content
    assert (found.source, found.origin, found.name) == ("cached", url, NAME)
    assert find_weights(NAME, registry=registry(url)) == found
    assert load_weights(NAME, before, registry=registry(url)) == found
    assert all(torch.equal(before.state_dict()[key], tensor) for key, tensor in state.items())
    assert parts(cache) == []
    (row,) = list_weights(registry=registry(url))
    assert (row.state, row.size, row.sha256) == ("cached", len(content), found.sha256)


@pytest.mark.parametrize("right", [True, False])
def test_a_file_is_held_against_the_digest_that_is_published(
    server: Server, content: bytes, cache: Path, right: bool
) -> None:
    prefix = hashlib.sha256(content).hexdigest()[:8] if right else "00000000"
    url = server.put("/digest.pth", Served(content))
    known = {NAME: replace(registry(url)[NAME], sha256_prefix=prefix)}
    if right:
        assert fetch(NAME, registry=known).sha256.startswith(prefix)
        return
    with pytest.raises(WeightsError, match=r"SHA-256 begins with 00000000.*not accepted; it lies in"):
        fetch(NAME, registry=known)
    assert not (cache / "weights" / "blobs").exists()
    assert parts(cache) == []


def test_what_is_cached_is_fetched_again_only_by_force(server: Server, content: bytes) -> None:
    served = Served(content)
    known = registry(server.put("/once.pth", served))
    fetch(NAME, registry=known)
    fetch(NAME, registry=known)
    assert len(served.requests) == 1
    fetch(NAME, force=True, registry=known)
    assert len(served.requests) == 2


def test_a_broken_fetch_is_resumed_and_accepted(server: Server, content: bytes, cache: Path) -> None:
    served = Served(content, cut_after=[len(content) // 3])
    known = registry(server.put("/resumed.pth", served))
    with pytest.raises(WeightsError, match="run the same command again to resume"):
        fetch(NAME, registry=known)
    assert [part.read_bytes() for part in parts(cache)] == [content[: len(content) // 3]]
    with pytest.raises(WeightsError, match=f"weights fetch {NAME}"):
        find_weights(NAME, registry=known)
    found = fetch(NAME, registry=known)
    assert served.requests == [None, f"bytes={len(content) // 3}-"]
    assert found.path.read_bytes() == content


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_a_fetch_killed_mid_way_is_resumed(server: Server, content: bytes, cache: Path) -> None:
    half = len(content) // 2
    served = Served(content)
    url = server.put("/killed.pth", served)
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from yolact_temporal.yolact.weights.manage import _part_path\n"
        "from yolact_temporal.yolact.weights.download import download\n"
        "def progress(done, total):\n"
        f"    if done > {half}: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"download({url!r}, _part_path({NAME!r}, {url!r}), progress)\n"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], env=os.environ, check=False).returncode
        == -signal.SIGKILL
    )
    (part,) = parts(cache)
    kept = part.stat().st_size
    assert 0 < kept < len(content)
    assert fetch(NAME, registry=registry(url)).path.read_bytes() == content
    assert served.requests == [None, f"bytes={kept}-"]


def test_old_pytorch_format_and_old_keys_are_accepted(server: Server, state: dict[str, torch.Tensor]) -> None:
    old = state | {
        "backbone.layer1.0.conv1.weight": torch.zeros(2),
        "fpn.downsample_layers.2.weight": torch.zeros(3),
    }
    content = saved(
        {key: t for key, t in old.items() if not key.endswith("num_batches_tracked")}, zipped=False
    )
    known = registry(server.put("/old.pth", Served(content)))
    fetch(NAME, registry=known)
    model = BUILD()
    load_weights(NAME, model, registry=known)
    assert torch.equal(model.state_dict()["semantic_seg_conv.weight"], state["semantic_seg_conv.weight"])


def wrong_keys(state: dict[str, torch.Tensor]) -> bytes:
    renamed = dict(state)
    renamed["semantic_seg.weight"] = renamed.pop("semantic_seg_conv.weight")
    return saved(renamed)


def wrong_shapes(state: dict[str, torch.Tensor]) -> bytes:
    return saved(state | {"semantic_seg_conv.bias": torch.zeros(80)})


def with_nan(state: dict[str, torch.Tensor]) -> bytes:
    return saved(state | {"semantic_seg_conv.bias": torch.full((3,), float("nan"))})


class Payload:
    """Unpickled by an ordinary reader, this makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.target),))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            wrong_keys,
            ("2 differences", "semantic_seg_conv.weight is missing", "semantic_seg.weight is unexpected"),
        ),
        (wrong_shapes, ("1 differences", "semantic_seg_conv.bias is (80,) where (3,) is expected")),
        (with_nan, ("NaN or infinity", "semantic_seg_conv.bias")),
        (lambda state: saved(state)[:-5000], ("neither or is damaged",)),
        (lambda _: b"<!doctype html><p>Please log in", ("neither or is damaged",)),
        (lambda _: saved([1, 2]), ("named tensors", "found a list")),
        (
            lambda state: saved({"net": state, "epoch": 3}),
            ("named tensors", "'net', which is no named tensor"),
        ),
        (lambda _: b"", ("empty",)),
    ],
    ids=[
        "keys",
        "shapes",
        "nan",
        "short-but-said-to-be-whole",
        "web-page",
        "list",
        "training-state",
        "empty",
    ],
)
def test_a_wrong_file_is_not_accepted_but_set_aside(
    server: Server,
    state: dict[str, torch.Tensor],
    cache: Path,
    make: object,
    words: tuple[str, ...],
) -> None:
    content = make(state)  # type: ignore[operator]
    served = Served(content)
    known = registry(server.put("/wrong.pth", served))
    with pytest.raises(WeightsError) as caught:
        fetch(NAME, registry=known)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    (rejected,) = cache.glob("weights/rejected/*")
    assert str(rejected) in message
    assert rejected.read_bytes() == content
    assert parts(cache) == []
    with pytest.raises(WeightsError, match="found none"):
        find_weights(NAME, registry=known)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_pickle_that_would_run_code_is_refused_unexecuted(
    server: Server, state: dict[str, torch.Tensor], tmp_path: Path, zipped: bool
) -> None:
    target = tmp_path / "made-by-the-pickle"
    content = saved({**state, "payload": Payload(target)}, zipped)
    torch.load(io.BytesIO(content), weights_only=False)
    assert target.is_dir(), "the payload must be live for this test to mean anything"
    target.rmdir()

    known = registry(server.put("/evil.pth", Served(content)))
    with pytest.raises(WeightsError, match=r"found a call of \w+\.mkdir, which could run any code: refused"):
        fetch(NAME, registry=known)
    assert not target.exists()


def test_two_processes_do_not_fetch_the_same_at_once(server: Server, content: bytes) -> None:
    url = server.put("/both.pth", Served(content))
    first = []

    def meanwhile(done: int, total: int | None) -> None:
        if not first:
            first.append(done)
            with pytest.raises(UsageError, match="no other process to be fetching"):
                fetch(NAME, registry=registry(url))

    assert fetch(NAME, progress=meanwhile, registry=registry(url)).path.read_bytes() == content
    assert first


def test_another_address_can_be_given(server: Server, content: bytes) -> None:
    url = server.put("/mirror.pth", Served(content))
    assert fetch(NAME, url, registry=registry()).origin == url


@pytest.mark.parametrize("name", ["yolact_im400", "yolact_resnet50_pascal"])
def test_a_model_without_an_address_says_so_and_names_import(name: str) -> None:
    for attempt in (fetch, find_weights):
        with pytest.raises(WeightsError, match=rf"no published address.*weights import FILE --model {name}"):
            attempt(name)


def test_an_unknown_model_is_a_wrong_argument() -> None:
    with pytest.raises(UsageError, match=r"yolact_base.*got 'yolact_bas'"):
        fetch("yolact_bas")


def test_a_bundled_model_is_not_fetched_from_elsewhere() -> None:
    with pytest.raises(UsageError, match="part of the package"):
        fetch("yolact_compact", "http://127.0.0.1:9/x")


def test_the_published_addresses_are_those_of_the_authors() -> None:
    addresses = {name: entry.url for name, entry in REGISTRY.items() if entry.url}
    assert addresses["yolact_plus_base"] == (
        "https://huggingface.co/dbolya/yolact-plus-base/resolve/main/yolact_plus_base_54_800000.pth"
    )
    assert set(REGISTRY) - set(addresses) == {
        "yolact_im400",
        "yolact_resnet50_pascal",
        "yolact_compact",
        "mask_rcnn_compact",
        "mask_scoring_rcnn_compact",
        "mask_scoring_rcnn_resnet50_fpn",
        "mask_scoring_rcnn_resnet101_fpn",
        "fcis_resnet101",
        "fcis_compact",
    }
