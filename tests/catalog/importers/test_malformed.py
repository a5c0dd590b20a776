"""Ten malformed variants of every format: each ends in a clear error, with its file, and imports nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.catalog.importers.copies import copy_of
from tomo.catalog.importers.formats import read_copy
from tomo.errors import Problem, SpecError

COMPOSE = "services:\n  web:\n    image: a:1.0\n"
ROOT = "x-casaos:\n  main: web\n"
MANIFEST = "manifestVersion: 1.1\nid: app\nname: App\nversion: '1.0'\nport: 8080\n"
CONFIG = '{"id": "app", "name": "App", "version": "1.0", "port": 8080}'
SERVICES = '{"services": [{"name": "web", "image": "a:1.0"}]}'
TEMPLATE = '[config]\nenv = ["A=1"]\n'

Files = Mapping[str, str | bytes]
Variant = tuple[Files, str, int]
"""The files of a copy, a word of the error, and its line; 0 where the format has none to tell."""

YAML_VARIANTS: Mapping[str, tuple[Callable[[str], str | bytes], str, int]] = {
    "no YAML": (lambda good: good + "  web2: }\n", "expected", 4),
    "a tab": (lambda good: good + "\tx: 1\n", "a tab character", 4),
    "a key twice": (lambda good: good + "services: {}\n", "twice", 4),
    "a merge of a list": (
        lambda good: good + "    environment: {<<: [a], B: '1'}\n",
        "merges mappings only",
        4,
    ),
    "not UTF-8": (lambda good: good.encode() + b"x: \xff\xfe\n", "UTF-8", 4),
    "no services": (lambda good: good.replace("services:", "sevices:"), "names no services", 1),
    "services in a list": (
        lambda good: good.replace("  web:\n    image: a:1.0", "  - image: a:1.0"),
        "list stands",
        1,
    ),
    "a service that is a text": (
        lambda good: good.replace("web:\n    image: a:1.0", "web: a:1.0"),
        "is a mapping",
        2,
    ),
    "no image": (lambda good: good.replace("image: a:1.0", "restart: always"), "no `image`", 2),
    "an impossible port": (lambda good: good + "    ports: ['99999:80']\n", "is not a port", 4),
}


def of_yaml(name: str, after: str, beside: Files) -> dict[str, Variant]:
    """The ten of a format whose apps are YAML; `after` follows the services."""
    made: dict[str, Variant] = {}
    for what, (spoil, word, line) in YAML_VARIANTS.items():
        spoiled = spoil(COMPOSE)
        tail: str | bytes = after.encode() if isinstance(spoiled, bytes) else after
        made[what] = ({name: spoiled + tail, **beside}, word, line)  # type: ignore[operator]
    return made


def template(text: str, word: str, line: int = 0) -> Variant:
    return {"templates.json": text}, word, line


ITEMS: Mapping[str, tuple[str, str, int]] = {
    "no JSON": ('[{"title": "A",}]', "not JSON", 1),
    "half a file": ('[{"title": "A"', "not JSON", 1),
    "a key twice": ('[{"title": "A", "title": "B"}]', "twice", 0),
    "a template that is a text": ('[\n"nginx"\n]', "mapping belongs", 2),
    "no title": ('[\n{"type": 1, "image": "a:1"}\n]', "no `title`", 2),
    "no image": ('[\n{"type": 1, "title": "A"}\n]', "no `image`", 2),
    "an unknown type": ('[\n{"type": 9, "title": "A"}\n]', "no type of template", 2),
    "an impossible port": (
        '[{"type": 1, "title": "A", "image": "a:1",\n"ports": ["x:80"]}]',
        "not a port",
        2,
    ),
    "a title in a list": ('[\n{"type": 1, "title": ["A"], "image": "a:1"}\n]', "text belongs", 2),
    "variables in a text": ('[{"type": 1, "title": "A", "image": "a:1",\n"env": "A=1"}]', "list belongs", 2),
}
"""Templates of Portainer that are wrong in themselves, whatever the version of the file."""


def portainer(version: str) -> dict[str, Variant]:
    """The ten of a version: the first is a mere list, the others have it under `templates`."""
    before, after = (f'{{"version": "{version}", "templates": ', "}") if version else ("", "")
    return {what: template(before + text + after, word, line) for what, (text, word, line) in ITEMS.items()}


PORTAINER_2: dict[str, Variant] = portainer("2") | {
    "a text": template('"templates"', "mapping", 1),
    "no templates": template('{"version": "2"}', "holds no templates", 1),
    "templates in a mapping": template('{"version": "2", "templates": {"a": 1}}', "list belongs", 1),
}


def runtipi(config: str = CONFIG, services: str | bytes = SERVICES) -> Files:
    return {"config.json": config, "docker-compose.json": services}


RUNTIPI: dict[str, Variant] = {
    "no JSON": (runtipi(config="{id: app}"), "not JSON", 1),
    "an empty config": (runtipi(config="{}"), "empty", 1),
    "a config that is a list": (runtipi(config="[1]"), "mapping belongs", 1),
    "no Compose file": ({"config.json": CONFIG}, "no Compose file", 1),
    "services that are no JSON": (runtipi(services='{"services": [}'), "not JSON", 1),
    "no services": (runtipi(services='{"services": []}'), "names no services", 1),
    "services in a mapping": (runtipi(services='{"services": {"web": {}}}'), "list belongs", 1),
    "a service without a name": (runtipi(services='{"services": [\n{"image": "a:1"}]}'), "no `name`", 2),
    "a field without a variable": (
        runtipi(config=CONFIG[:-1] + ',\n"form_fields": [{"type": "text", "label": "A"}]}'), "no variable's name", 2),
    "a key twice": (runtipi(config='{"id": "a", "id": "b"}'), "twice", 0),
    "a volume without a place": (
        runtipi(services='{"services": [{"name": "web", "image": "a:1", "volumes": [\n{"hostPath": "x"}]}]}'),
        "containerPath", 2),
}  # fmt: skip


def umbrel(manifest: str | bytes = MANIFEST, compose: str = COMPOSE) -> Files:
    return {"umbrel-app.yml": manifest, "docker-compose.yml": compose}


UMBREL: dict[str, Variant] = {
    "no YAML": (umbrel(manifest="id: [\n"), "expected", 2),
    "an empty manifest": (umbrel(manifest=""), "empty", 1),
    "a manifest that is a list": (umbrel(manifest="- id: app\n"), "mapping belongs", 1),
    "no Compose file": ({"umbrel-app.yml": MANIFEST}, "docker-compose.yml", 1),
    "an id that is a list": (umbrel(manifest="id: [a]\n"), "text belongs", 1),
    "dependencies in a text": (umbrel(manifest=MANIFEST + "dependencies: bitcoin\n"), "list belongs", 6),
    "a key twice": (umbrel(manifest=MANIFEST + "id: b\n"), "twice", 6),
    "only a proxy": (umbrel(compose="services:\n  app_proxy: {}\n"), "nothing is left", 1),
    "no image": (umbrel(compose="services:\n  web: {restart: always}\n"), "no `image`", 2),
    "an environment that is a number": (umbrel(compose=COMPOSE + "    environment: 5\n"), "list belongs", 4),
    "not UTF-8": (umbrel(manifest=b"id: \xff\n"), "UTF-8", 1),
}


def dokploy(toml: str | bytes = TEMPLATE, compose: str = COMPOSE, meta: str = "{}") -> Files:
    return {"template.toml": toml, "docker-compose.yml": compose, "meta.json": meta}


DOKPLOY: dict[str, Variant] = {
    "no TOML": (dokploy(toml="[config\n"), "not TOML", 1),
    "a string over lines": (dokploy(toml='a = 1\nb = "x\ny"\n'), "not TOML", 2),
    "a key twice": (dokploy(toml="a = 1\na = 2\n"), "not TOML", 2),
    "config in a text": (dokploy(toml='config = "x"\n'), "mapping belongs", 0),
    "a domain with an impossible port": (
        dokploy(toml='[[config.domains]]\nserviceName = "web"\nport = 70000\n'), "not a port", 0),
    "a file that leaves its folder": (
        dokploy(toml='[[config.mounts]]\nfilePath = "../../x"\ncontent = ""\n'), "leaves its folder", 0),
    "a variable of itself": (
        dokploy(toml='[variables]\na = "${b}"\nb = "${a}"\n[config]\nenv = ["A=${a}"]\n'), "itself", 0),
    "no Compose file": ({"template.toml": TEMPLATE}, "docker-compose.yml", 0),
    "meta that is no JSON": (dokploy(meta="{"), "not JSON", 1),
    "no image": (dokploy(compose="services:\n  web: {restart: always}\n"), "no `image`", 2),
    "not UTF-8": (dokploy(toml=b'a = "\xff"\n'), "UTF-8", 1),
}  # fmt: skip

VARIANTS: Mapping[str, Mapping[str, Variant]] = {
    "compose": of_yaml("compose.yaml", "", {}),
    "casaos": of_yaml("docker-compose.yml", ROOT, {}) | {
        "no block of CasaOS": ({"docker-compose.yml": COMPOSE}, "no `x-casaos` block", 1)},
    "coolify": of_yaml("app.yaml", "", {}),
    "portainer v1": portainer(""),
    "portainer v2": PORTAINER_2,
    "portainer v3": portainer("3"),
    "runtipi": RUNTIPI,
    "umbrel": UMBREL,
    "dokploy": DOKPLOY,
}  # fmt: skip


def problems(path: Path, format_: str) -> list[Problem]:
    """What is told of a copy in which nothing can be imported."""
    try:
        outcomes = list(read_copy(path, format_))
    except SpecError as error:
        return list(error.problems)
    assert all(outcome.file is None for outcome in outcomes)
    return [problem for outcome in outcomes for problem in outcome.reasons]


@pytest.mark.parametrize(
    ("format_", "what"), [(format_, what) for format_, made in VARIANTS.items() for what in made]
)
def test_a_malformed_copy_is_refused_with_its_place(tmp_path: Path, format_: str, what: str) -> None:
    files, word, line = VARIANTS[format_][what]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    found = problems(tmp_path, format_.partition(" ")[0])

    assert len(found) == 1
    assert word in found[0].message, found
    assert found[0].line == line, found
    assert Path(found[0].file).name in files


def test_every_format_has_ten_variants() -> None:
    assert all(len(variants) >= 10 for variants in VARIANTS.values())


def test_what_is_well_formed_is_imported(tmp_path: Path) -> None:
    copies: dict[str, Files] = {
        "compose": {"compose.yaml": COMPOSE},
        "casaos": {"docker-compose.yml": COMPOSE + ROOT},
        "coolify": {"app.yaml": COMPOSE},
        "portainer": {"templates.json": '[{"type": 1, "title": "A", "image": "a:1"}]'},
        "runtipi": runtipi(),
        "umbrel": umbrel(),
        "dokploy": dokploy(),
    }

    for format_, files in copies.items():
        folder = copy_of(tmp_path / format_, {name: str(text) for name, text in files.items()})
        assert [outcome.file is not None for outcome in read_copy(folder, format_)] == [True], format_
