"""What tests of the data have in common."""

import pytest
from absl import logging


@pytest.fixture
def warnings(monkeypatch):
    """Collects the warnings of the test, each as its text."""
    said = []
    monkeypatch.setattr(logging, "warning", lambda text, *rest: said.append(text % rest))
    return said
