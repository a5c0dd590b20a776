"""Repositories of catalogs to read: app files, folders and git repositories of a test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

APP = """\
schema: tomo.app/v1
id: {id}
title: {title}
tagline: {tagline}
description: What it does.
version: "{version}"
categories: [{category}]
tags: [{tags}]
links: {{website: "https://example.com/"}}
architectures: [{architectures}]
requirements: {{memory: {memory}, disk: 1G}}
services:
  server:
    image: tomo-test/{id}:{version}
    healthcheck: {{test: [CMD, "true"], interval: 30s}}
notes: {{after_install: Open it.}}
"""


def app_text(id_: str, **words: str) -> str:
    """An app file that keeps every rule."""
    said = {
        "title": id_.title(),
        "tagline": f"The {id_}",
        "version": "1.0",
        "category": "media",
        "tags": id_,
        "architectures": "amd64",
        "memory": "256M",
    }
    return APP.format(id=id_, **{**said, **words})


def put(folder: Path, files: Mapping[str, str]) -> Path:
    """Writes files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def git(folder: Path, *words: str) -> str:
    """Runs git in a folder, as somebody who publishes a catalog does."""
    named = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
    ran = subprocess.run(["git", *named, *words], cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def git_repository(folder: Path, files: Mapping[str, str]) -> str:
    """Makes a git repository with one commit, and gives its id."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet")
    return commit(folder, files)


def commit(folder: Path, files: Mapping[str, str]) -> str:
    """Adds a commit with these files, and gives its id."""
    put(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "apps")
    return git(folder, "rev-parse", "HEAD")
