"""Commands on a server and here, a file copied there, and a dynamic provider."""

import secrets

import pulumi
import pulumi_command as command
from pulumi import dynamic

config = pulumi.Config()
connection = command.remote.ConnectionArgs(host=config.require("host"), user=config.get("user") or "root")


class Name(dynamic.ResourceProvider):
    """A random name that stays the same until its length changes."""

    def create(self, props: dict) -> dynamic.CreateResult:
        """Makes up a name."""
        name = secrets.token_hex(int(props["length"]))
        return dynamic.CreateResult(name, {**props, "name": name})

    def diff(self, _id: str, olds: dict, news: dict) -> dynamic.DiffResult:
        """Another length is another name."""
        changed = olds["length"] != news["length"]
        return dynamic.DiffResult(changes=changed, replaces=["length"] if changed else [])


class RandomName(dynamic.Resource):
    """The resource that `Name` manages."""

    name: pulumi.Output[str]

    def __init__(self, name: str, length: int) -> None:
        super().__init__(Name(), name, {"length": length, "name": None})


folder = RandomName("folder", length=4)
made = command.remote.Command(
    "folder",
    connection=connection,
    create=pulumi.Output.concat("mkdir -p /srv/", folder.name),
    delete=pulumi.Output.concat("rmdir /srv/", folder.name),
)
copied = command.remote.CopyToRemote(
    "motd",
    connection=connection,
    source=pulumi.FileAsset("motd.txt"),
    remote_path=pulumi.Output.concat("/srv/", folder.name, "/motd"),
    opts=pulumi.ResourceOptions(depends_on=[made]),
)
kernel = command.remote.Command("kernel", connection=connection, create="uname -r")
here = command.local.Command("here", create="uname -s")

pulumi.export("folder", pulumi.Output.concat("/srv/", folder.name))
pulumi.export("kernel", kernel.stdout)
pulumi.export("here", here.stdout)
