"""Build the site. Files of the repository that pages link to are copied into it, as texts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path


def build(root: Path) -> int:
    """Build all pages anew, with warnings as errors; returns the exit code."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    site = root / "site"
    shutil.rmtree(site, ignore_errors=True)
    if code := subprocess.call(command, cwd=root):
        return code

    def copied(link: re.Match[str]) -> str:
        copy = site / "files" / f"{link[1]}.txt"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / link[1], copy)
        return f'href="../files/{link[1]}.txt"'

    for page in site.glob("*/index.html"):
        text = page.read_text("utf-8")
        shown = re.sub(r'href="\.\./\.\./\.\./([^"#]+)"', copied, text)
        if shown != text:
            page.write_text(shown, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(build(Path(__file__).parents[2]))
