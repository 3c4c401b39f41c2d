"""Many clients at once: the dashboard's memory stays bounded, and no answer is its own fault."""

from pathlib import Path

import pytest
from dashboard_soak import make_long_run, soak
from served_dashboard import ServedDashboard

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory"),
]


def soaked(
    folder: Path, frames: int, size: tuple[int, int], clients: int, requests: int, most_mib: float
) -> None:
    make_long_run(folder / "runs", frames, size)
    with ServedDashboard(folder / "runs", folder / "log") as served:
        found = soak(served, frames, clients, requests)
    assert set(found.statuses) <= {200, 404, 429}, found
    assert found.statuses[200] > found.statuses[404] > 0
    assert found.pages == 3 * clients
    assert found.peak_mib < most_mib, found


def test_a_small_soak(tmp_path: Path) -> None:
    soaked(tmp_path, frames=40, size=(180, 320), clients=4, requests=9, most_mib=700)


@pytest.mark.thorough
@pytest.mark.timeout(3000)
def test_twenty_clients_of_a_long_run(tmp_path: Path) -> None:
    soaked(tmp_path, frames=1000, size=(720, 1280), clients=20, requests=30, most_mib=1500)
