"""Asks PyPI for known weaknesses of the packages in requirements.lock, by pip-audit.

    python -m checks.audit

Ends with status 1 if there are any. Where PyPI's advisories cannot be reached it says "skipped".
"""

import json
import os
import subprocess
import sys

from absl import app

_LOCK = os.path.join(os.path.dirname(__file__), "..", "requirements.lock")


def main(argv: list[str]) -> None:
    del argv
    command = [sys.executable, "-m", "pip_audit", f"--requirement={_LOCK}", "--disable-pip"]
    command += ["--format=json", "--progress-spinner=off", "--timeout=20"]
    result = subprocess.run(command, capture_output=True, text=True)
    try:
        packages = json.loads(result.stdout)["dependencies"]
    except ValueError:
        reason = (result.stderr.strip() or "no answer").splitlines()[-1]
        print(f"skipped: pip-audit could not ask: {reason}")
        return
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        print("skipped: PyPI's advisories cannot be reached from here")
        return
    print(f"{len(audited)} of {len(packages)} packages could be looked up")
    found = [(package, weakness) for package in audited for weakness in package["vulns"]]
    for package, weakness in found:
        fixed = ", ".join(weakness["fix_versions"]) or "none yet"
        print(f"{package['name']} {package['version']}: {weakness['id']}, mended in {fixed}")
    if found:
        sys.exit(1)


if __name__ == "__main__":
    app.run(main)
