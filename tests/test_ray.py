"""A Ray cluster makes what one process makes: with a machine lost, a clip that kills, and a store of objects."""

import csv
import importlib.util
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from clips import write_clip

from yolact_temporal.cli import main as cli
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.remote import clips_at, fetch, is_remote, name_of, put_run
from yolact_temporal.errors import InputError, UsageError

HERE = Path(__file__).parent
SIZE = (96, 128)
MODEL = ["--model", "worker_model:BrightThings", "--no-plots", "--no-overlay", "--quiet"]

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install -e '.[ray]'"
)
needs_moto = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("ray", "moto", "s3fs", "flask")),
    reason="Ray, s3fs or moto's server is not installed: pip install -e '.[ray]' 'moto[server]'",
)
needs_fsspec = pytest.mark.skipif(
    importlib.util.find_spec("fsspec") is None, reason="fsspec is not installed: pip install -e '.[ray]'"
)


def film(path, count, start=0):
    frames = islice(PhotoFilm(size=SIZE, seconds_per_move=1), start, start + count)
    return write_clip(path, (frame.rgb for frame in frames), size=SIZE)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Five clips; one of them ends whatever process looks at it, and one is none."""
    folder = tmp_path_factory.mktemp("ray") / "clips"
    folder.mkdir()
    for number in range(4):
        film(folder / f"c{number}.mp4", 6, 3 * number)
    write_clip(folder / "poison.mp4", [np.full((*SIZE, 3), 255, np.uint8)] * 3, size=SIZE)
    (folder / "broken.mp4").write_bytes(b"no video at all\n" * 50)
    return folder


@pytest.fixture(scope="module")
def alone(clips, tmp_path_factory):
    """The runs of the four good clips, one after another, in this process."""
    out = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        assert cli.main(["analyze", f"{clips}/c*.mp4", "--out", str(out), *MODEL]) == 0
    return out


@pytest.fixture
def cluster(monkeypatch):
    """Two machines of one core each."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.syspath_prepend(str(HERE))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.second = made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {row["run"]: row for row in csv.DictReader(file)}


def require_same(run, expected):
    """Every table and record of one run is that of the other, to the byte."""
    files = [each for each in expected.rglob("*") if each.suffix in (".csv", ".jsonl")]
    assert len(files) > 5
    for each in files:
        assert (run / each.relative_to(expected)).read_bytes() == each.read_bytes(), each.name


@pytest.mark.slow
@needs_ray
def test_a_lost_machine_and_a_clip_that_kills_cost_nothing_else(clips, alone, cluster, tmp_path, monkeypatch):
    out = tmp_path / "runs"

    def lose_a_machine():
        deadline = time.monotonic() + 120
        while not list(out.glob("*/run.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        cluster.remove_node(cluster.second, allow_graceful=False)

    thread = threading.Thread(target=lose_a_machine)
    thread.start()
    given = ["analyze", str(clips), "--out", str(out), *MODEL]
    try:
        assert cli.main([*given, "--runner", "ray", "--ray-address", cluster.address, "--jobs", "2"]) == 4
    finally:
        thread.join()
    found = rows(out / "clips.csv")
    assert {name: row["state"] for name, row in found.items()} == {
        "broken": "failed",
        **dict.fromkeys(("c0", "c1", "c2", "c3"), "done"),
        "poison": "failed",
    }
    assert "expected a video file" in found["broken"]["reason"]
    assert "was lost 3 times" in found["poison"]["reason"]
    for name in ("c0", "c1", "c2", "c3"):
        require_same(out / name, alone / name)


@pytest.mark.slow
@needs_moto
def test_clips_come_from_a_store_and_runs_go_there(clips, alone, tmp_path, monkeypatch):
    import ray
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "PYTHONPATH": str(HERE),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.syspath_prepend(str(HERE))
        store = s3fs.S3FileSystem(endpoint_url=f"http://{host}:{port}", skip_instance_cache=True)
        store.mkdir("bucket")
        for name in ("c0", "c1"):
            store.put_file(str(clips / f"{name}.mp4"), f"bucket/clips/{name}.mp4")
        given = ["analyze", "s3://bucket/clips/*.mp4", "--out", "s3://bucket/runs", *MODEL]
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
        try:
            assert cli.main([*given, "--runner", "ray"]) == 0
            store.invalidate_cache()
            store.get("bucket/runs", str(tmp_path / "fetched"), recursive=True)
            assert {row["state"] for row in rows(tmp_path / "fetched" / "clips.csv").values()} == {"done"}
            for name in ("c0", "c1"):
                require_same(tmp_path / "fetched" / name, alone / name)
            before = store.info("bucket/runs/c0/run.json")["LastModified"]
            assert cli.main([*given, "--runner", "ray"]) == 0
            store.invalidate_cache()
            assert store.info("bucket/runs/c0/run.json")["LastModified"] == before
            store.get_file("bucket/runs/clips.csv", str(tmp_path / "again.csv"))
            assert {row["state"] for row in rows(tmp_path / "again.csv").values()} == {"there already"}
        finally:
            ray.shutdown()
    finally:
        server.stop()


@needs_fsspec
class TestStores:
    @pytest.fixture(autouse=True)
    def memory(self):
        import fsspec

        store = fsspec.filesystem("memory")
        yield store
        store.store.clear()
        store.pseudo_dirs[:] = [""]

    def test_a_pattern_stands_for_what_fits_it_and_images_are_fetched_as_a_folder(self, memory, tmp_path):
        for name in ("clips/b.mp4", "clips/a.mp4", "walk/0.png", "walk/1.png"):
            memory.pipe_file(f"/{name}", name.encode())
        assert clips_at("memory://clips/*.mp4") == ["memory://clips/a.mp4", "memory://clips/b.mp4"]
        assert fetch("memory://clips/a.mp4", tmp_path).read_bytes() == b"clips/a.mp4"
        assert sorted(each.name for each in fetch("memory://walk", tmp_path).iterdir()) == ["0.png", "1.png"]
        with pytest.raises(InputError, match="found none"):
            clips_at("memory://clips/z.mp4")

    def test_the_manifest_of_a_run_goes_last(self, memory, tmp_path, monkeypatch):
        (tmp_path / "model").mkdir()
        for name in ("run.json", "summary.csv", "model/masks.jsonl"):
            (tmp_path / name).write_text(name)
        memory.pipe_file("/runs/dog/run.json", b"an earlier one")
        order = []
        whole = type(memory).put_file

        def noted(self, file, target, *args, **kwargs):
            assert not any(name.endswith("run.json") for name in self.store)
            order.append(target)
            return whole(self, file, target, *args, **kwargs)

        monkeypatch.setattr(type(memory), "put_file", noted)
        put_run(tmp_path, "memory://runs/dog")
        assert [name.removeprefix("/runs/dog/") for name in order] == [
            "model/masks.jsonl",
            "summary.csv",
            "run.json",
        ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "s3://bucket/runs"], "only --runner ray writes into a store"),
        (["--ray-address", "auto"], "expected --runner ray beside --ray-address"),
    ],
)
def test_what_goes_with_ray_alone_is_refused_without(clips, capsys, arguments, said):
    assert cli.main(["analyze", str(clips / "c0.mp4"), *arguments, "--quiet"]) == 2
    assert said in capsys.readouterr().err


def test_web_addresses_are_of_no_store(tmp_path, monkeypatch):
    from yolact_temporal.data.remote import require_store

    for place in ("http://127.0.0.1/a.mp4", "https://a.b/c.mp4", "ftp://a/b.mp4", "rtsp://camera"):
        with pytest.raises(UsageError, match="expected an address of s3://"):
            require_store(place)
    assert is_remote("s3://bucket/dog.mp4")
    assert name_of("s3://bucket/dog.mp4") == "dog"
