"""One server, one container: a web server that only the server itself can reach."""

import pulumi
import pulumi_docker as docker

config = pulumi.Config()
address = f"{config.get('user') or 'root'}@{config.require('host')}"

host = docker.Provider("host", host=f"ssh://{address}")
on_host = pulumi.ResourceOptions(provider=host)

image = docker.RemoteImage("nginx", name="nginx:1.27-alpine", keep_locally=True, opts=on_host)
web = docker.Container(
    "web",
    name="web",
    image=image.image_id,
    ports=[docker.ContainerPortArgs(internal=80, external=8080, ip="127.0.0.1")],
    restart="unless-stopped",
    opts=on_host,
)

pulumi.export("container", web.id)
pulumi.export("reach_it_with", f"ssh -L 8080:127.0.0.1:8080 {address}")
