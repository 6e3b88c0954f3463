"""Programs of tools/ in a process of their own, as a user starts them."""

import os
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))


def run_tool(name, folder, *arguments) -> subprocess.CompletedProcess:
    """Runs `tools/<name>` in `folder` and returns its status and its output as text."""
    return subprocess.run(
        [sys.executable, os.path.join(ROOT, "tools", name), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ROOT, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
