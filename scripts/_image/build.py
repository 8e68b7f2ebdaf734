"""Builds a stage of the Dockerfile in memory: each stage is a layer over the one before it.

All mounts belong to the mount namespace of this process, so they vanish with it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts._image.dockerfile import ImageStage, Step, context, expand

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tams-mock" / "image"
# How this machine reaches package indexes, for RUN.
_PASSED_ON = re.compile(
    r"(PIP_(CERT|INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|PROXY)|\w+_proxy)", re.IGNORECASE
)
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
# What a step finds of this machine: arguments of mount, and the place.
_MOUNTS = (
    ("-t", "proc", "proc", "/proc"),
    ("--rbind", "/dev", "/dev"),
    ("--bind", _AUTHORITIES, _AUTHORITIES),
)


@dataclass
class Built:
    """A stage that was built: its root, its own layer, and how its programs run."""

    root: Path
    layers: tuple[Path, ...]  # the uppermost first
    environment: dict[str, str]
    folder: str = "/"
    user: str = "0:0"
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    health: Sequence[str] = ()

    def run(self, command: Sequence[str]) -> None:
        """Run a command of the build, with the network of this machine."""
        passed_on = {name: v for name, v in os.environ.items() if _PASSED_ON.fullmatch(name)}
        environment = (
            {"PATH": os.defpath, "HOME": "/root", "PIP_QUIET": "1"} | passed_on | self.environment
        )
        assignments = [f"{name}={value}" for name, value in environment.items()]
        inside = f'cd "{self.folder}" && exec "$@"'
        subprocess.run(
            ["chroot", f"--userspec={self.user}", self.root, "/usr/bin/env", "-i", *assignments,
             "/bin/sh", "-c", inside, "sh", *command],
            check=True,
        )  # fmt: skip


class Builder:
    """Builds stages; a stage that others need is built once."""

    def __init__(self, project: Path, stages: Mapping[str, ImageStage], work: Path) -> None:
        self.project = project
        self.stages = stages
        self.work = work
        self.built: dict[str, Built] = {}

    def build(self, name: str) -> Built:
        """Return a stage, or the image that stands for one that is not in the Dockerfile."""
        if name not in self.built:
            stage = self.stages.get(name)
            self.built[name] = self._performed(stage) if stage else self._image(name)
        return self.built[name]

    def _performed(self, stage: ImageStage) -> Built:
        below = self.build(stage.image)
        layer, merged, scratch = (
            self.work / f"{stage.name}.{kind}" for kind in ("layer", "root", "work")
        )
        for folder in (layer, merged, scratch):
            folder.mkdir()
        lower = ":".join(map(str, below.layers))
        options = f"lowerdir={lower},upperdir={layer},workdir={scratch}"
        mount("-t", "overlay", "overlay", "-o", options, merged)
        built = replace(
            below,
            root=merged,
            layers=(layer, *below.layers),
            environment=dict(below.environment),
        )
        for *how, place in _MOUNTS:
            mount(*how, f"{merged}{place}")
        for step in stage.steps:
            print(f"  {stage.name}: {step.name} {step.rest[:90]}", flush=True)
            self._perform(built, step)
        for *_, place in reversed(_MOUNTS):
            subprocess.run(["umount", "--recursive", f"{merged}{place}"], check=True)
        return built

    def _perform(self, built: Built, step: Step) -> None:
        match step.name:
            case "RUN":
                self._run(built, step)
            case "COPY":
                self._copy(built, step)
            case "ENV":
                for pair in step.words():
                    name, _, value = pair.partition("=")
                    built.environment[name] = expand(value, built.environment)
            case "WORKDIR":
                built.folder = step.rest
                inside(built.root, step.rest).mkdir(parents=True, exist_ok=True)
            case "USER":
                built.user = step.rest
            case "ENTRYPOINT":
                built.entrypoint = step.words()
            case "CMD":
                built.command = step.words()
            case "HEALTHCHECK":
                built.health = Step("CMD", {}, step.rest.removeprefix("CMD ")).words()
            case "LABEL" | "EXPOSE" | "STOPSIGNAL":
                pass  # They change nothing inside.
            case other:
                raise SystemExit(f"scripts/image cannot perform {other}")

    def _run(self, built: Built, step: Step) -> None:
        cache = dict(part.split("=") for part in step.flags.get("mount", "").split(",") if part)
        if cache:  # What is downloaded is kept for the next build, and is not in the image.
            kept, place = CACHE / "downloads", inside(built.root, cache["target"])
            for folder in (kept, place):
                folder.mkdir(parents=True, exist_ok=True)
            mount("--bind", kept, place)
        built.run(["/bin/sh", "-c", step.rest])
        if cache:
            subprocess.run(["umount", place], check=True)

    def _copy(self, built: Built, step: Step) -> None:
        *sources, target = step.words()
        target_path = inside(built.root, str(Path(built.folder) / target))
        for source in sources:
            if "from" in step.flags:
                root = self.build(step.flags["from"]).root
                shutil.copytree(inside(root, source), target_path, symlinks=True)
                continue
            # A file keeps its name if it is copied to a folder, a folder is its contents.
            found = [path for path in context(self.project) if f"{path}/".startswith(f"{source}/")]
            if not found:
                raise SystemExit(f"COPY {source}: .dockerignore leaves nothing of it")
            for path in found:
                rest = path.removeprefix(source).lstrip("/")
                to = target_path / (rest or (source if target.endswith("/") else ""))
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.project / path, to)

    def _image(self, name: str) -> Built:
        """Return a clean Debian with its own Python in place of an image of Python."""
        found = re.fullmatch(
            r"python:(?P<version>\d+\.\d+)\S*-slim-(?P<suite>\w+)@sha256:\w+", name
        )
        if found is None:
            raise SystemExit(f"no clean root stands for {name}")
        root = self.work / "python.root"
        root.mkdir()
        subprocess.run(["tar", "-xf", _debian(found["suite"]), "-C", root], check=True)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        python = f"/usr/bin/python{found['version']}"
        built = Built(root, (root,), {"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin"})
        # The image has python and pip in /usr/local.
        built.run([python, "-m", "venv", "/usr/local"])
        return built


def mount(*arguments: object) -> None:
    """Mount what `mount` of the system is told."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def inside(root: Path, path: str) -> Path:
    """Return where a path of the image is here."""
    return root / path.lstrip("/")


def _debian(suite: str) -> Path:
    """Return a clean root of Debian with Python as a tar file; it is made once."""
    machine = os.uname().machine
    kept = CACHE / f"{suite}-{machine}.tar"
    if kept.exists():
        return kept
    print(f"  debootstrap {suite}; this happens once", flush=True)
    sites = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root, tar = Path(folder) / "root", Path(folder) / "root.tar"
        subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates",
             suite, root, sites[0]],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        subprocess.run(["umount", "--quiet", root / "proc"], check=False)
        shutil.rmtree(root / "var/cache/apt")
        subprocess.run(["tar", "-cf", tar, "--exclude=./proc/*", "-C", root, "."], check=True)
        shutil.move(tar, kept)
    return kept
