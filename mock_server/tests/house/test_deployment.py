"""What people copy to run the mock elsewhere: compose, Kubernetes, CI, Testcontainers."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from mock_server.settings import all_settings
from mock_server.tests.needed import needed

ROOT = Path(__file__).parents[3]
CONTAINERS = ROOT / "fixtures" / "containers"
ACTION = ROOT / ".github/actions/tams-mock/action.yml"
# `.ci/run` makes it from requirements-checkers.lock.
TOOLS = ROOT / ".venv-checkers" / "bin"

# What check-jsonschema calls the schema of each file.
SCHEMAS = {
    ROOT / "compose.yaml": "compose-spec",
    ACTION: "github-actions",
    CONTAINERS / "github-action.yml": "github-workflows",
    CONTAINERS / "github-service.yml": "github-workflows",
    CONTAINERS / "gitlab-ci.yml": "gitlab-ci",
}
KUBERNETES = CONTAINERS / "kubernetes.yaml"

# Read by commands for a running mock, and not a setting of a server.
URL = "TAMS_MOCK_URL"

PARSE_JAVA = """
import com.sun.source.util.JavacTask;
import java.nio.file.Path;
import java.util.List;
import javax.tools.*;

class Parse {
    public static void main(String[] names) throws Exception {
        var compiler = ToolProvider.getSystemJavaCompiler();
        var found = new DiagnosticCollector<JavaFileObject>();
        var files = compiler.getStandardFileManager(found, null, null);
        var sources = files.getJavaFileObjects(Path.of(names[0]));
        ((JavacTask) compiler.getTask(null, files, found, null, null, sources)).parse();
        System.out.print(found.getDiagnostics());
    }
}
"""


def tell(*command: object) -> str:
    """Return what a command prints; it must succeed."""
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_files_for_compose_and_ci_follow_their_schema(path):
    tool = needed(str(TOOLS / "check-jsonschema"))

    tell(tool, "--builtin-schema", f"vendor.{SCHEMAS[path]}", path)


def test_the_kubernetes_manifest_follows_its_schema():
    tool = needed(str(TOOLS / "kubernetes-validate"))

    tell(tool, "--strict", KUBERNETES)


def test_the_dockerfile_has_no_known_mistakes():
    tell(needed(str(TOOLS / "hadolint")), ROOT / "Dockerfile")


def test_every_variable_is_a_setting():
    names = {each.environment for each in all_settings()} | {URL}
    for path in (*SCHEMAS, KUBERNETES, *CONTAINERS.iterdir()):
        found = set(re.findall(r"\bTAMS_MOCK_\w+", path.read_text("utf-8")))
        assert found <= names, path


def test_the_pod_runs_as_the_user_of_the_image_without_rights():
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert user is not None
    deployment, service = yaml.safe_load_all(KUBERNETES.read_text("utf-8"))
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    security = container["securityContext"]

    assert pod["securityContext"]["runAsUser"] == int(user[1])
    assert pod["securityContext"]["runAsGroup"] == int(user[2])
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert container["readinessProbe"]["httpGet"]["path"] == "/_mock/ready"
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()


def test_the_service_of_compose_is_only_for_this_computer_and_cannot_write():
    service = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["tams-mock"]

    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["healthcheck"]["test"] == ["CMD", "tams-mock", "health"]


@pytest.mark.parametrize("arguments", ["--progress instant", ""])
def test_the_action_starts_a_mock_and_gives_its_url(tmp_path, arguments):
    run, output = action_step(tmp_path, arguments)
    written = dict(line.split("=", 1) for line in output.read_text().splitlines())
    try:
        assert run.returncode == 0, run.stderr
        assert httpx.get(written["url"] + "/_mock/ready").status_code == 200
        assert json.loads(written["ready"])["url"] == written["url"]
    finally:
        (listening,) = re.findall(r"\d+", (tmp_path / "pid").read_text())
        os.kill(int(listening), 15)


def test_the_action_shows_why_a_mock_did_not_start(tmp_path):
    run, output = action_step(tmp_path, "--port 99999999")

    assert run.returncode == 1
    assert "expected a whole number from 0 to 65535" in run.stderr
    assert not output.exists()


def action_step(folder: Path, arguments: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the second step of the action with this project's own environment."""
    (folder / "tams-mock").mkdir()
    (folder / "tams-mock" / "bin").symlink_to(Path(sys.executable).parent)
    step = yaml.safe_load(ACTION.read_text("utf-8"))["runs"]["steps"][1]
    script = step["run"] + '\necho "$!" >"$RUNNER_TEMP/pid"\n'
    output = folder / "output"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "ARGUMENTS": arguments,
        "RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(output),
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done, output


def test_the_recipe_in_python_can_be_read():
    path = CONTAINERS / "test_containers.py"

    compile(path.read_text("utf-8"), path, "exec")


def test_the_recipe_in_javascript_can_be_read():
    tell(needed("node"), "--check", CONTAINERS / "containers.test.mjs")


def test_the_recipe_in_java_can_be_read(tmp_path):
    needed("javac")
    (tmp_path / "Parse.java").write_text(PARSE_JAVA)

    told = tell(needed("java"), tmp_path / "Parse.java", CONTAINERS / "ContainersTest.java")
    assert told == "[]"
