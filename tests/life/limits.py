"""Where Debian's version of an app is not what its catalog entry is written for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STAND_INS: Mapping[str, str] = MappingProxyType(
    {
        "apprise": "the package `apprise` is the command and its library; the entry runs the Apprise API, a web server"
        " that Debian does not have.",
        "influxdb": "the package `influxdb` is 1.6.7, the entry is written for 2: in 1.6 there is no `influx ping` for"
        " the health check, no page `/health`, no organisation, bucket or token for the `DOCKER_INFLUXDB_INIT_*`"
        " variables to make, and no use of `/etc/influxdb2`.",
        "mysql": "the package `default-mysql-server` is MariaDB, which is an app of its own here.",
        "searxng": "the package `searx` is the project that SearXNG left in 2021, without its `SEARXNG_*` variables and"
        " without the Python below `/usr/local/searxng` that the health check runs.",
        "syncthing": "the package `syncthing` is 1.19.2, which has no page `/rest/noauth/health`, for the health check"
        " and the test of the entry: it answers 403, as to every call without a key.",
    }
)
"""Why an app is a stand-in although Debian has a package of its name or kind."""
OLDER: Mapping[str, str] = MappingProxyType(
    {
        "clickhouse": "18.16 has no page `/play` and makes no users by SQL"
        " (`CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT`); its user, password, database and `/ping` are as the entry says.",
        "jupyter": "Jupyter Notebook 6.4 in place of JupyterLab, with the same token, port, folder and `/api`.",
    }
)
"""What real software lacks of what its entry names, because Debian's version is older or smaller."""
