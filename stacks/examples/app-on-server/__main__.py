"""A server, Docker on it, and an app described in the format of Tomo's catalog."""

from pathlib import Path

import pulumi

from tomo.resources import App, DockerEngine, Server

config = pulumi.Config()
server = Server(
    "server",
    host=config.require("host"),
    user=config.get("user") or "root",
    docker={"daemon": {"log-driver": "local"}},
)
engine = DockerEngine("server", server=server, options={"daemon": {"log-driver": "local"}})
app = App("whoami", definition=Path(__file__).with_name("whoami.yaml"), server=server, engine=engine)

pulumi.export("system", server.os_name)
pulumi.export("url", app.url)
