"""The provider without a daemon: configuration, decisions, predictions, what its errors show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import (
    ConnectionLost,
    DiskFull,
    DockerError,
    DockerUnavailable,
    HostError,
    HostUnreachable,
    ImageNotFound,
    NameTaken,
    NotSupported,
    PortTaken,
    ProviderFailed,
    RegistryLoginFailed,
    Transient,
)
from tomo.model.connection import HostSpec
from tomo.model.provider import (
    CheckRequest,
    CreateRequest,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadStatus,
    UpdateRequest,
)
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, Secret, Unknown
from tomo.providers.docker.kinds import KINDS
from tomo.providers.docker.problems import image_refusal, refusal
from tomo.providers.docker.provider import DockerProvider
from tomo.providers.docker.registry_auth import RegistryLogins
from tomo.settings import Settings

GOLDEN = json.loads((Path(__file__).parent / "golden_docker.json").read_text(encoding="utf-8"))
CONTAINER = "docker:index/container:Container"


class NoConnection:
    """A host that must not be dialled, or fails when it is."""

    spec = HostSpec("192.0.2.1", name="web1")

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error or AssertionError("dialled")

    def open_docker(self) -> Any:
        raise self.error


class Pool:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def get(self, spec: HostSpec) -> Any:
        return self.connection

    def prepare(self, spec: HostSpec) -> None:
        pass

    def redial(self, error: HostError | None = None) -> None:
        pass

    def close(self) -> None:
        pass


def provider(config: Mapping[str, Any] | None = None, error: Exception | None = None) -> DockerProvider:
    asked: list[tuple[str, list[str]]] = []

    def host_spec(url: str, options: list[str]) -> HostSpec:
        asked.append((url, options))
        return NoConnection.spec

    made = DockerProvider(Pool(NoConnection(error)), host_spec, Settings(docker_host="unix:///default.sock"))  # type: ignore[arg-type]
    made.configure(config or {})
    made.asked = asked  # type: ignore[attr-defined]
    return made


def urn(type_: str = CONTAINER, name: str = "web") -> Urn:
    return Urn.make("dev", "p", None, type_, name)


# --- configuration -----------------------------------------------------------------------------------


def test_texts_of_the_configuration_may_be_json() -> None:
    made = provider(
        {"host": "ssh://root@192.0.2.1", "sshOpts": '["-p","2222"]', "version": "5.2.0", "__internal": {}}
    )

    assert made.asked == [("ssh://root@192.0.2.1", ["-p", "2222"])]  # type: ignore[attr-defined]
    assert made.host == "web1"


def test_without_a_host_it_is_that_of_the_environment() -> None:
    assert provider().asked == [("unix:///default.sock", [])]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"host": "tcp://192.0.2.1:2376"}, "`tcp` is not supported"),
        ({"context": "x"}, "`context` is not supported"),
        ({"caMaterial": "x"}, "`caMaterial` is not supported"),
        ({"hots": "x"}, "did you mean `host`"),
        ({"registryAuth": '[{"username":"x"}]'}, "`registryAuth[0].address` is required"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(inputs: dict[str, Any], told: str) -> None:
    assert told in provider().check_config({}, inputs).failures[0].reason


def test_a_changed_host_changes_the_provider_alone() -> None:
    diff = provider().diff_config({"host": "ssh://a", "__internal": {}}, {"host": "ssh://b"})

    assert (diff.changed, diff.replaces, [item.path for item in diff.properties]) == (True, False, ["host"])
    assert not provider().diff_config({"host": "ssh://a"}, {"host": "ssh://a", "__internal": {}}).changed


def test_while_the_host_is_unknown_nothing_is_dialled() -> None:
    made = provider({"host": Unknown("urn.host")})

    seen = made.read([ReadRequest(urn(), "x")])
    predicted = made.create(CreateRequest(urn(), {"image": "x", "name": "y"}, preview=True))

    assert seen[0].status is ReadStatus.UNREACHABLE
    assert predicted.outputs["name"] == "y"


@pytest.mark.parametrize(
    "entry",
    [
        {"username": "me", "password": "pw"},
        {"configFileContent": '{"auths":{"https://r.test/v2/":{"auth":"bWU6cHc="}}}'},
        {"configFileContent": Secret('{"auths":{"r.test":{"auth":"bWU6cHc="}}}'), "username": "other"},
    ],
)
def test_a_login_is_found_by_the_address_of_its_registry(entry: dict[str, Any]) -> None:
    logins = RegistryLogins([{"address": "https://R.test", **entry}], Settings(home=Path("/nowhere")))

    login = logins.for_registry("r.test")

    assert login is not None
    assert (login.username, login.password.reveal()) == ("me", "pw")
    assert logins.for_registry("docker.io") is None


def test_a_login_of_the_environment_fills_in_what_is_missing() -> None:
    settings = Settings(registry_user="env", registry_password="pw")

    login = RegistryLogins([{"address": "registry-1.docker.io"}], settings).for_registry("docker.io")

    assert login is not None
    assert login.auth_config()["serveraddress"] == "https://index.docker.io/v1/"


def test_credential_helpers_are_refused_by_name() -> None:
    logins = RegistryLogins([{"address": "r.test", "configFileContent": '{"credsStore":"x"}'}], Settings())

    with pytest.raises(NotSupported, match="credential helpers"):
        logins.for_registry("r.test")


# --- deciding ----------------------------------------------------------------------------------------


def test_a_missing_name_is_made_from_the_urn_and_the_seed_and_kept() -> None:
    made = provider()
    first = made.check(CheckRequest(urn(), {}, {"image": "x"}, seed=bytes.fromhex("a2745940ff")))

    again = made.check(CheckRequest(urn(), first.inputs, {"image": "x"}, seed=b"\1\2\3\4"))

    assert first.inputs["name"] == again.inputs["name"] == "web-a274594"


def test_a_secret_is_not_told_by_a_refused_input() -> None:
    request = CheckRequest(urn(), {}, {"image": "x", "memory": "pa55word"}, secret_keys=frozenset({"memory"}))

    assert "pa55word" not in provider().check(request).failures[0].reason


def test_an_unsupported_type_is_refused_by_name() -> None:
    with pytest.raises(NotSupported, match="service:Service"):
        provider().check(CheckRequest(urn("docker:index/service:Service"), {}, {}))


def test_a_type_that_cannot_be_looked_at_is_said_so() -> None:
    request = ReadRequest(urn("docker:index/service:Service"), "x")

    assert provider().read([request])[0].status is ReadStatus.UNSUPPORTED


def test_a_container_is_replaced_old_one_first_and_can_be_swapped() -> None:
    made = provider()

    diff = made.diff(
        DiffRequest(urn(), "i", {"image": "a", "envs": ["A=1"]}, {}, {"image": "a", "envs": ["A=2"]})
    )

    assert (diff.replace_keys, diff.delete_before_replace) == (("envs",), True)
    assert made.can_swap(CONTAINER)
    assert not made.can_swap("docker:index/network:Network")


def test_an_image_recorded_by_name_is_the_one_whose_id_is_in_the_outputs() -> None:
    made, id_ = provider(), "sha256:" + "a" * 64
    outputs = {"image": id_}

    same = made.diff(DiffRequest(urn(), "i", {"image": "nginx:1"}, outputs, {"image": id_}))
    other = made.diff(DiffRequest(urn(), "i", {"image": "nginx:1"}, outputs, {"image": "sha256:" + "b" * 64}))
    renamed = made.diff(DiffRequest(urn(), "i", {"image": "nginx:1"}, outputs, {"image": "nginx:2"}))

    assert (same.changed, other.changed, renamed.changed) == (False, True, True)


def test_a_rotated_registry_login_builds_nothing_again() -> None:
    type_ = "docker:index/image:Image"
    old = {"imageName": "x", "registry": {"server": "r", "username": "a", "password": "1"}}
    new = {"imageName": "x", "registry": {"server": "r", "username": "b", "password": "2"}}

    assert not provider().diff(DiffRequest(urn(type_), "i", old, {}, new)).changed


# --- predicting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", GOLDEN, ids=lambda entry: entry["type"].rpartition(":")[2])
def test_a_prediction_has_every_key_the_official_plugin_writes(entry: dict[str, Any]) -> None:
    official = {key for key in entry["outputs"] if not key.startswith("__")}

    predicted = provider().create(CreateRequest(urn(entry["type"]), entry["inputs"], preview=True))

    assert (predicted.id, set(predicted.outputs)) == ("", official)
    assert isinstance(predicted.outputs["id"], Unknown)


def test_an_unknown_image_is_predicted_as_unknown() -> None:
    inputs = {"image": UNKNOWN, "name": "y", "envs": ["A=1", UNKNOWN], "memory": UNKNOWN}

    predicted = provider().create(CreateRequest(urn(), inputs, preview=True)).outputs

    assert (predicted["image"], predicted["memory"], predicted["envs"]) == (
        UNKNOWN,
        UNKNOWN,
        ["A=1", UNKNOWN],
    )


def test_another_image_name_makes_the_image_id_unknown() -> None:
    type_ = "docker:index/remoteImage:RemoteImage"
    outputs = {"imageId": "sha256:1", "repoDigest": "", "id": "sha256:1a"}

    def predicted(new: str) -> Any:
        request = UpdateRequest(urn(type_), "sha256:1a", {"name": "a"}, outputs, {"name": new}, preview=True)
        return provider().update(request).outputs["imageId"]

    assert isinstance(predicted("b"), Unknown)
    assert predicted("a") == "sha256:1"


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_an_update_is_predicted_for_every_type(type_: str) -> None:
    inputs = {"name": "n", "image": "i", "imageName": "x", "sourceImage": "a", "targetImage": "b"}
    request = UpdateRequest(urn(type_), "i", inputs, {"id": "i"}, inputs, preview=True)

    assert provider().update(request).outputs["id"] == "i"


# --- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        HostUnreachable("no answer from `192.0.2.1`", host="web1", hint="check it"),
        DockerUnavailable("no Docker answers on `web1`", host="web1", hint="install it"),
        ConnectionLost("lost", host="web1"),
    ],
)
def test_a_host_that_does_not_answer_is_a_status_of_its_resources(error: HostError) -> None:
    seen = provider(error=error).read([ReadRequest(urn(), "a"), ReadRequest(urn(), "b")])

    assert [(item.status, item.problem, item.hint, item.code) for item in seen] == [
        (ReadStatus.UNREACHABLE, error.message, error.hint, error.code)
    ] * 2


def test_no_secret_leaves_in_an_error() -> None:
    error = DockerError("refused TOKEN=topsecret", host="web1", detail="log: topsecret", hint="topsecret")
    inputs = {"image": "x", "name": "y", "envs": ["TOKEN=topsecret"]}

    with pytest.raises(DockerError) as raised:
        provider(error=error).create(CreateRequest(urn(), inputs, secret_keys=frozenset({"envs"})))

    assert "topsecret" not in f"{raised.value} {raised.value.detail} {raised.value.hint} {raised.value.args}"


def test_what_stands_in_a_plain_input_too_is_no_secret() -> None:
    error = DockerError("a container named `blog-db` exists; TOKEN=topsecret", host="web1")
    inputs = {"image": "x", "name": "blog-db", "envs": ["USER=blog", "TOKEN=topsecret"]}

    with pytest.raises(DockerError) as raised:
        provider(error=error).create(CreateRequest(urn(), inputs, secret_keys=frozenset({"envs"})))

    assert str(raised.value) == "a container named `blog-db` exists; [secret]"


def test_only_tomos_errors_leave() -> None:
    with pytest.raises(ProviderFailed, match="web1"):
        provider(error=KeyError("x")).delete(DeleteRequest(urn(), "i", {}, {}))


def test_an_unknown_input_never_reaches_the_host() -> None:
    with pytest.raises(ProviderFailed, match="unknown"):
        provider().create(CreateRequest(urn(), {"image": UNKNOWN, "name": "y"}))


REFUSALS: list[tuple[str, type[HostError], str]] = [
    (
        'Conflict. The container name "/web" is already in use by container "abcdef012345". You',
        NameTaken,
        "`web`",
    ),
    ("network with name net already exists", NameTaken, "`net`"),
    ("Bind for 127.0.0.1:8080 failed: port is already allocated", PortTaken, "127.0.0.1:8080"),
    ("listen tcp4 0.0.0.0:80: bind: address already in use", PortTaken, "0.0.0.0:80"),
    ("write /var/lib/docker/x: no space left on device", DiskFull, "web1"),
    ("something else", DockerError, "something else"),
]


@pytest.mark.parametrize(("message", "kind", "told"), REFUSALS)
def test_a_refusal_becomes_the_error_it_means(message: str, kind: type[HostError], told: str) -> None:
    error = refusal(message, host="web1", doing="creating the container `web`")

    assert (type(error), told in error.message, error.host) == (kind, True, "web1")


@pytest.mark.parametrize(
    ("message", "kind", "told"),
    [
        ("No such image: app:9", ImageNotFound, "not found"),
        ("manifest for app:9 not found: manifest unknown", ImageNotFound, "not found"),
        ("pull access denied for app, repository does not exist", ImageNotFound, "not found"),
        ("Get https://r/v2/: unauthorized: authentication required", RegistryLoginFailed, "wants a login"),
        ("Get https://r/v2/: dial tcp: lookup r: no such host", DockerError, "can't reach the registry"),
    ],
)
def test_an_image_that_cannot_be_had_is_told_apart(message: str, kind: type[HostError], told: str) -> None:
    error = image_refusal(message, host="web1", image="app:9")

    assert error is not None
    assert (type(error), told in error.message) == (kind, True)


def test_a_refused_login_names_registry_host_and_user_and_how_to_set_it() -> None:
    said = "Get https://r.lan/v2/: unauthorized: authentication required"

    error = image_refusal(said, host="web1", image="r.lan/app:9", user="deploy")

    assert isinstance(error, RegistryLoginFailed)
    assert all(each in error.message for each in ("`r.lan`", "`web1`", "`deploy`", "`r.lan/app:9`"))
    assert "tomo secret set" in error.hint


def test_functions_that_are_not_supported_are_refused_by_name() -> None:
    with pytest.raises(NotSupported, match="getPlugin"):
        provider().invoke("docker:index/getPlugin:getPlugin", {}, preview=False)


def test_a_function_with_unknown_arguments_answers_unknown_in_a_plan() -> None:
    found = provider().invoke("docker:index/getNetwork:getNetwork", {"name": UNKNOWN}, preview=True)

    assert isinstance(found.outputs["id"], Unknown)


def test_refused_function_arguments_are_told() -> None:
    found = provider().invoke("docker:index/getNetwork:getNetwork", {"nmae": "x"}, preview=False)

    assert "did you mean `name`" in found.failures[0].reason


@pytest.mark.parametrize("entry", GOLDEN, ids=lambda entry: entry["type"])
def test_equal_inputs_are_never_a_change_so_nobody_need_ask(entry: dict[str, Any]) -> None:
    made, inputs = provider(), entry["inputs"]

    answer = made.diff(DiffRequest(urn(entry["type"]), entry["id"], inputs, entry["outputs"], inputs))

    assert made.judges_by_inputs
    assert not answer.changed


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Get https://r/v2/: net/http: TLS handshake timeout", Transient.REGISTRY),
        ("Get https://r/v2/: dial tcp 192.0.2.9:443: i/o timeout", Transient.REGISTRY),
        ("received unexpected HTTP status: 502 Bad Gateway", Transient.REGISTRY),
        (
            "unexpected status from HEAD request to https://r/v2/app: 503 Service Unavailable",
            Transient.REGISTRY,
        ),
        ("Get https://r/v2/: dial tcp: lookup r: no such host", None),
        ("toomanyrequests: You have reached your pull rate limit", None),
        ("manifest for app:9 not found: manifest unknown", None),
        ("a prune operation is already running", Transient.BUSY),
        ("removal of container abc is already in progress", Transient.BUSY),
        ("invalid reference format", None),
    ],
)
def test_a_refusal_says_whether_it_may_pass(message: str, kind: Transient | None) -> None:
    error = refusal(message, host="web1", doing="pulling the image `app:9`", image="app:9")

    assert error.transient is kind


def test_a_connection_lost_before_anything_was_sent_may_be_made_again() -> None:
    lost = ConnectionLost("the connection broke", host="web1")

    with pytest.raises(ConnectionLost) as raised:
        provider(error=lost).create(CreateRequest(urn(), {"image": "app:1", "name": "web"}))

    assert raised.value.transient is Transient.CONNECTION
