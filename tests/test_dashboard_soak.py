"""Many clients at once: the dashboard's memory stays bounded, and no answer is its own fault."""

from pathlib import Path

import pytest
from dashboard_soak import make_long_run, soak
from served_dashboard import ServedDashboard

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory"),
]


@pytest.mark.thorough
def test_clients_do_not_make_its_memory_grow(tmp_path: Path) -> None:
    make_long_run(tmp_path / "runs", frames=40, size=(180, 320))
    with ServedDashboard(tmp_path / "runs", tmp_path / "log") as served:
        found = soak(served, 40, clients=4, requests=9)
    assert set(found.statuses) <= {200, 404, 429}, found
    assert found.statuses[200] > found.statuses[404] > 0
    assert found.pages == 12
    assert found.peak_mib < 700, found
