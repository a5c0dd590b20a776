"""Stand-ins for GitHub and GitLab that run the workflow files of the docs: their own scripts, in real shells.

What a file calls by name (`uses:`, an image, artifacts) is done here as the platform does it; what it writes as a
script is run as it stands there, in a checkout of a real git repository, with the variables of the platform.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / "docs" / "ci"
LONGEST_COMMENT = 65_536
_PIP = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""The wheel is all that is installed; nothing is fetched."""


@dataclass(frozen=True)
class Ended:
    """How a job ended, and its log."""

    ok: bool
    log: str


@dataclass
class Repository:
    """A bare repository, and a clone in which somebody works."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self._git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
        self._git(self.folder, "clone", "--quiet", "origin.git", "desk")
        self.git("checkout", "--quiet", "-B", "main")

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    @property
    def desk(self) -> Path:
        return self.folder / "desk"

    def git(self, *arguments: str) -> str:
        return self._git(self.desk, *arguments)

    def commit(self, branch: str, files: Mapping[str, str], message: str = "a change") -> str:
        """Commits files on a branch and pushes it."""
        self.git("checkout", "--quiet", "-B", branch)
        for name, text in files.items():
            (self.desk / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "--force", "origin", branch)
        return self.git("rev-parse", "HEAD")

    def squash(self, branch: str) -> str:
        """Merges a branch into main as one new commit, as platforms do on request."""
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", "--squash", branch)
        self.git("commit", "--quiet", "--message", f"merge {branch}")
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def checkout(self, folder: Path, commit: str) -> None:
        """What a job gets."""
        self._git(self.folder, "clone", "--quiet", f"file://{self.origin}", str(folder))
        self._git(folder, "checkout", "--quiet", "--detach", commit)

    def _git(self, where: Path, *arguments: str) -> str:
        who = ["-c", "user.name=kim", "-c", "user.email=kim@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=where, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"git {arguments}: {done.stderr}"
        return done.stdout.strip()


def python_of_its_own(folder: Path) -> Path:
    """The programs of a new Python, into which a workflow installs Tomo; what that needs is there already."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def build_wheel(folder: Path) -> Path:
    """Tomo as it is here, as a wheel."""
    folder.mkdir()
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, cwd=folder)
    [made] = folder.glob("*.whl")
    return made


class Platform(Protocol):
    """Runs a workflow file as its platform does."""

    comments: list[str]

    def request(self, branch: str) -> Ended:
        """Opens a request for a branch, or pushes to it anew."""
        ...

    def merged(self, commit: str, branch: str) -> Ended:
        """Pushes the commit that a request became."""
        ...

    def pushed(self, commit: str) -> Ended:
        """Pushes a commit that comes from no request."""
        ...

    def by_hand(self) -> Ended:
        """Starts the workflow on the main branch."""
        ...


@dataclass
class Runner:
    """What both platforms have in common: a place for jobs, their home, and the path to programs."""

    repository: Repository
    folder: Path
    bin: Path
    variables: Mapping[str, str]
    logs: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    artifacts: dict[str, Path] = field(default_factory=dict)
    _jobs: int = 0

    def place(self, commit: str) -> Path:
        """A fresh checkout and a fresh home."""
        self._jobs += 1
        job = self.folder / f"job{self._jobs}"
        (job / "home").mkdir(parents=True)
        self.repository.checkout(job / "work", commit)
        return job

    def shell(self, job: Path, script: str, variables: Mapping[str, str], *options: str) -> bool:
        """Runs a script as it stands in the file; its output is in the log."""
        file = job / "script.sh"
        file.write_text(script)
        path = f"{self.folder / 'bin'}:{self.bin}:{os.environ['PATH']}"
        environment = {
            "PATH": path,
            "HOME": str(job / "home"),
            "CI": "true",
            **_PIP,
            "LANG": "C.UTF-8",
            **variables,
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", *options, str(file)],
            cwd=job / "work", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        self.logs.append(done.stdout)
        return done.returncode == 0

    def keep(self, name: str, source: Path) -> None:
        """Keeps a folder as an artifact."""
        target = self.folder / "artifacts" / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        self.artifacts[name] = target

    def ended(self, ok: bool, since: int) -> Ended:
        return Ended(ok, "\n".join(self.logs[since:]))


# --- GitHub ------------------------------------------------------------------------------------------

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|!|[()]|hashFiles|[A-Za-z_][\w.-]*|\d+)")
_WORDS = {"&&": "and", "||": "or", "!": "not", "==": "==", "!=": "!=", "(": "(", ")": ")"}

GH = """#!{python}
import json, pathlib, shutil, subprocess, sys
place, words = pathlib.Path({place!r}), sys.argv[1:]
table = json.loads((place / "table.json").read_text())
option = lambda name: words[words.index(name) + 1]
if words[0] == "api":
    answer = json.dumps(table["api"].get(words[1], {{"artifacts": []}} if "artifacts" in words[1] else []))
    sys.exit(subprocess.run(["jq", "--raw-output", option("--jq")], input=answer, text=True).returncode)
if words[:2] == ["run", "download"]:
    shutil.copytree(table["artifacts"][option("--name")], option("--dir"), dirs_exist_ok=True)
elif words[:2] == ["pr", "comment"] and {{"--edit-last", "--create-if-none"}} <= set(words):
    (place / f"comment{{words[2]}}").write_text(pathlib.Path(option("--body-file")).read_text())
else:
    sys.exit(f"gh stand-in: {{words}}")
"""


class GitHub(Runner):
    """Runs `docs/ci/github.yml`."""

    name = "github"
    secrets: Mapping[str, str]

    def start(self, secrets: Mapping[str, str]) -> GitHub:
        """Puts the stand-in for `gh` in its place."""
        self.secrets = secrets
        self.workflow = yaml.safe_load((WORKFLOWS / "github.yml").read_text())
        self.platform = self.folder / "platform"
        self.platform.mkdir(parents=True)
        gh = self.folder / "bin" / "gh"
        gh.parent.mkdir()
        gh.write_text(GH.format(python=sys.executable, place=str(self.platform)))
        gh.chmod(gh.stat().st_mode | stat.S_IXUSR)
        self.runs = 0
        self.api: dict[str, object] = {}
        return self

    def request(self, branch: str) -> Ended:
        head = self.repository._git(self.repository.origin, "rev-parse", branch)
        pull = {
            "github.event.pull_request.head.sha": head,
            "github.event.pull_request.head.repo.full_name": "kim/home",
            "github.event.pull_request.number": "7",
        }
        ended = self._run(
            "pull_request", head, {**pull, "github.ref": "refs/pull/7/merge"}, {"GITHUB_BASE_REF": "main"}
        )
        comment = self.platform / "comment7"
        if comment.exists():
            self.comments.append(comment.read_text())
            comment.unlink()
        return ended

    def merged(self, commit: str, branch: str) -> Ended:
        head = self.repository._git(self.repository.origin, "rev-parse", branch)
        self.api[f"repos/kim/home/commits/{commit}/pulls"] = [{"number": 7, "head": {"sha": head}}]
        return self.pushed(commit)

    def pushed(self, commit: str) -> Ended:
        return self._run("push", commit, {"github.ref": "refs/heads/main"})

    def by_hand(self) -> Ended:
        commit = self.repository._git(self.repository.origin, "rev-parse", "main")
        return self._run("workflow_dispatch", commit, {"github.ref": "refs/heads/main"})

    def _run(
        self, event: str, commit: str, context: Mapping[str, str], more: Mapping[str, str] | None = None
    ) -> Ended:
        self.runs += 1
        since = len(self.logs)
        context = {
            "github.event_name": event, "github.sha": commit, "github.repository": "kim/home", "github.token": "t",
            **{f"vars.{key}": value for key, value in self.variables.items()},
            **{f"secrets.{key}": value for key, value in self.secrets.items()}, **context,
        }  # fmt: skip
        set_by_platform = {
            "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": event, "GITHUB_SHA": commit,
            "GITHUB_REPOSITORY": "kim/home", "GITHUB_RUN_ID": str(self.runs), **(more or {}),
        }  # fmt: skip
        results: dict[str, str] = {}
        for name, job in self.workflow["jobs"].items():
            results[name] = self._job(job, commit, {**context, "results": results}, set_by_platform)
        return self.ended("failure" not in results.values(), since)

    def _job(
        self, job: Mapping[str, Any], commit: str, context: dict[str, Any], variables: Mapping[str, str]
    ) -> str:
        results = context.pop("results")
        needed = {f"needs.{name}.result": results[name] for name in [job["needs"]]} if "needs" in job else {}
        context = {**context, **needed}
        place = self.folder / "nowhere"
        if not self._true(job["if"], context, place, failed=False):
            return "skipped"
        place = self.place(commit)
        summary = place / "summary.md"
        own = {
            **variables,
            "GITHUB_STEP_SUMMARY": str(summary),
            **self._values(self.workflow["env"], context, place),
        }
        context = {**context, **{f"env.{key}": value for key, value in own.items()}}
        failed = False
        for step in job["steps"]:
            if self._true(step.get("if", "${{ success() }}"), context, place, failed=failed):
                failed |= not self._step(step, place, context, own)
        if summary.exists():
            self.logs.append(summary.read_text())
        return "failure" if failed else "success"

    def _tell_gh(self) -> None:
        """Writes what the stand-in for `gh` answers."""
        table = {"api": self.api, "artifacts": {name: str(path) for name, path in self.artifacts.items()}}
        (self.platform / "table.json").write_text(json.dumps(table))

    def _step(
        self, step: Mapping[str, Any], place: Path, context: Mapping[str, Any], own: Mapping[str, str]
    ) -> bool:
        if "run" in step:
            self._tell_gh()
            return self.shell(
                place, step["run"], {**own, **self._values(step.get("env", {}), context, place)}, "-e"
            )
        given = self._values(step.get("with", {}), context, place)
        match step["uses"].partition("@")[0]:
            case "actions/checkout" | "actions/setup-python":
                return True
            case "actions/upload-artifact":
                self.keep(given["name"], place / "work" / given["path"])
                listed = {"artifacts": [{"expired": False, "workflow_run": {"id": self.runs}}]}
                self.api[f"repos/kim/home/actions/artifacts?name={given['name']}"] = listed
                return True
            case "github/codeql-action/upload-sarif":
                assert json.loads((place / "work" / given["sarif_file"]).read_text())["version"] == "2.1.0"
                return True
            case unknown:
                raise AssertionError(f"no stand-in for {unknown}")

    def _values(self, given: Mapping[str, Any], context: Mapping[str, Any], place: Path) -> dict[str, str]:
        return {
            key: _EXPRESSION.sub(lambda found: str(self._value(found[1], context, place) or ""), str(value))
            for key, value in given.items()
        }

    def _true(self, condition: str, context: Mapping[str, Any], place: Path, *, failed: bool) -> bool:
        [text] = _EXPRESSION.findall(condition)
        # As there: a condition that names no such function holds only while nothing failed.
        asks = any(name in text for name in ("cancelled()", "always()", "failure()", "success()"))
        return bool(self._value(text, {**context, "failed": failed}, place)) and (asks or not failed)

    def _value(self, text: str, context: Mapping[str, Any], place: Path) -> Any:
        """A small part of GitHub's expressions, by way of Python's."""
        made, at, names = [], 0, {}
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            assert found, f"{text!r} at {at}"
            word, at = found[1], found.end()
            if word in _WORDS or word.startswith("'") or word.isdigit():
                made.append(_WORDS.get(word, word))
            else:
                names[f"n{len(names)}"] = word
                made.append(f"n{len(names) - 1}")
        functions = {
            "hashFiles": lambda path: "x" if (place / "work" / path).exists() else "",
            "cancelled": lambda: False,
            "success": lambda: not context.get("failed"),
        }
        values = {key: functions.get(word, context.get(word, "")) for key, word in names.items()}
        return eval(" ".join(made), {}, values)


# --- GitLab ------------------------------------------------------------------------------------------


class GitLab(Runner):
    """Runs `docs/ci/gitlab.yml`, with a server that answers as GitLab's API does."""

    name = "gitlab"
    token = "glpat-of-a-test"

    def start(self, secrets: Mapping[str, str]) -> GitLab:
        """Starts the server."""
        self.secrets = secrets
        self.workflow = yaml.safe_load((WORKFLOWS / "gitlab.yml").read_text())
        self.folder.mkdir(parents=True)
        self.requests: dict[str, int] = {}
        self.pipeline: dict[str, Path] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def request(self, branch: str) -> Ended:
        commit = self.repository._git(self.repository.origin, "rev-parse", branch)
        more = {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
        ended = self._run({"CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_SHA": commit, **more})
        if (kept := self.pipeline.get("plan")) is not None:
            self.keep("refs/merge-requests/7/head", kept)
        return ended

    def merged(self, commit: str, branch: str) -> Ended:
        self.requests[commit] = 7
        return self.pushed(commit)

    def pushed(self, commit: str) -> Ended:
        return self._run({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_SHA": commit, "CI_COMMIT_BRANCH": "main"})

    def by_hand(self) -> Ended:
        commit = self.repository._git(self.repository.origin, "rev-parse", "main")
        return self._run({"CI_PIPELINE_SOURCE": "web", "CI_COMMIT_SHA": commit, "CI_COMMIT_BRANCH": "main"})

    def _run(self, given: Mapping[str, str]) -> Ended:
        since, self.pipeline = len(self.logs), {}
        host, port = self._server.server_address[:2]
        variables = {
            "GITLAB_CI": "true", "CI_API_V4_URL": f"http://{host}:{port}/api/v4", "CI_PROJECT_ID": "42",
            "CI_DEFAULT_BRANCH": "main", **given,
        }  # fmt: skip
        ok = True
        for stage in self.workflow["stages"]:
            jobs = [
                name
                for name, job in self.workflow.items()
                if isinstance(job, dict) and job.get("stage") == stage
            ]
            for name in jobs:
                if ok and any(_holds(rule["if"], variables) for rule in self.workflow[name]["rules"]):
                    ok = self._job(name, variables)
        return self.ended(ok, since)

    def _job(self, name: str, given: Mapping[str, str]) -> bool:
        job = {**self.workflow[self.workflow[name]["extends"]], **self.workflow[name]}
        place = self.place(given["CI_COMMIT_SHA"])
        variables = {**given, **self.variables}
        for key, value in self.workflow["variables"].items():
            variables.setdefault(key, re.sub(r"\$(\w+)", lambda found: variables[found[1]], value))
        for key, value in self.secrets.items():
            variables[key] = value
            if key in {"TOMO_SSH_KEY", "TOMO_KNOWN_HOSTS"}:  # variables of the kind "file"
                (place / key).write_text(value + "\n")
                variables[key] = str(place / key)
        variables["TOMO_GITLAB_TOKEN"] = self.token
        for kept in self.pipeline.values():
            shutil.copytree(kept, place / "work" / "out", dirs_exist_ok=True)
        ok = self.shell(
            place, "\n".join([*job["before_script"], *job["script"]]), variables, "-eo", "pipefail"
        )
        if "after_script" in job:
            self.shell(place, "\n".join(job["after_script"]), variables, "-eo", "pipefail")
        [path] = job["artifacts"]["paths"]
        if (place / "work" / path).exists():
            self.keep(f"{name}-{self._jobs}", place / "work" / path)
            self.pipeline[name] = self.artifacts[f"{name}-{self._jobs}"]
        return ok

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path).removeprefix("/api/v4/projects/42/")
                if self.headers["PRIVATE-TOKEN"] != platform.token:
                    self.answer(401, b"")
                elif found := re.fullmatch(r"repository/commits/(\w+)/merge_requests", path):
                    iid = platform.requests.get(found[1])
                    self.answer(200, json.dumps([{"iid": iid}] if iid else []).encode())
                elif found := re.fullmatch(r"jobs/artifacts/(.+)/raw/out/(plan\.tomo)", path):
                    file = platform.artifacts[found[1]] / found[2]
                    self.answer(200, file.read_bytes())
                else:
                    self.answer(404, path.encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                platform.comments.append(parse_qs(body)["body"][0])
                right = self.path == "/api/v4/projects/42/merge_requests/7/notes"
                self.answer(201 if right and self.headers["PRIVATE-TOKEN"] == platform.token else 404, b"{}")

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _holds(rule: str, variables: Mapping[str, str]) -> bool:
    """A rule of comparisons that are joined by `&&`."""
    return all(_value(left, variables) == _value(right, variables) for left, right in _comparisons(rule))


def _comparisons(rule: str) -> Iterator[Sequence[str]]:
    for part in rule.split("&&"):
        yield [side.strip() for side in part.split("==")]


def _value(text: str, variables: Mapping[str, str]) -> str:
    return variables.get(text[1:], "") if text.startswith("$") else text.strip('"')
