"""Map the top-level rooms (data, yolact, temporal, dashboards) into the package yolact_temporal.

pyproject.toml cannot list subpackages of a mapped folder by pattern, so the folders are walked here:
a new subpackage is found by itself, and no generic name such as `data` is ever installed.
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOMS = ("data", "yolact", "temporal", "dashboards")

packages = find_packages(str(Path(__file__).parent / "src"))
package_dir = {"yolact_temporal": "src/yolact_temporal"}
for room in ROOMS:
    name = f"yolact_temporal.{room}"
    packages += [name, *(f"{name}.{sub}" for sub in find_packages(str(Path(__file__).parent / room)))]
    package_dir[name] = room

setup(packages=packages, package_dir=package_dir)
