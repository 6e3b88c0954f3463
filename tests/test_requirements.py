"""Tests for requirements.lock: it pins what setup.py asks for."""

import importlib.metadata
import os
import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from running import ROOT

_PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)(?: ;.*)? \\$", re.MULTILINE)


@pytest.fixture(scope="module")
def lock():
    with open(os.path.join(ROOT, "requirements.lock"), encoding="utf-8") as file:
        return file.read()


def test_every_requirement_is_pinned_to_a_version_that_it_allows(lock):
    pins = dict(_PIN.findall(lock))
    requirements = [Requirement(line) for line in importlib.metadata.requires("affinity-seg")]
    wanted = [
        one for one in requirements if not one.marker or one.marker.evaluate({"extra": "dev"})
    ]
    assert len(wanted) > 15
    for one in wanted:
        name = canonicalize_name(one.name)
        assert name in pins, f"`make lock` was not run after {one} came into setup.py"
        assert one.specifier.contains(pins[name]), f"{one}: requirements.lock has {pins[name]}"


def test_every_package_has_hashes(lock):
    packages = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n", "", lock).strip())
    assert len(packages) > 100
    for package in packages:
        assert "--hash=sha256:" in package, package
