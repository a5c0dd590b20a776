"""A fleet file as a Pulumi program: what `tomo apply` does directly, through Pulumi's SDK."""

import pulumi

from tomo.catalog.index import Catalog
from tomo.errors import NotSupported
from tomo.resources.compile import compile_fleet
from tomo.resources.registration import ConfigSecrets, register
from tomo.resources.texts import FleetValues
from tomo.settings import Settings
from tomo.spec.load import load_fleet

config = pulumi.Config("tomo")
loaded = load_fleet(config.get("file") or "fleet.yaml")
if loaded.fleet.bundle is not None:
    raise NotSupported("`bundle` is for `tomo apply` on the fleet file itself", hint="leave it out here")
catalog = Catalog.of_fleet(loaded, Settings.from_environment().data_folder)
definitions = {name: app.definition or catalog.get(app.catalog_id) for name, app in loaded.fleet.apps.items()}
register(compile_fleet(loaded.fleet, definitions, FleetValues(ConfigSecrets(config))).declarations)
