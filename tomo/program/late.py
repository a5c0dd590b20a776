"""Parts of the SDK that few programs use, loaded when they are first used.

`import pulumi` brings gRPC, the Automation API, the serializer of dynamic providers and tracing. Here the
engine is in the program's own process, and a program that only declares resources touches none of them;
they take a third of the import.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from tomo.lazy import postpone


def postpone_parts(*, traced: bool) -> None:
    """Lets `import pulumi` leave them out; with a trace in the environment, gRPC and tracing come along."""
    for package in ("packaging", "google.protobuf.internal"):
        with suppress(ImportError):
            import_module(package)
    # The last is protobuf in Python, for where its compiled form isn't installed.
    for name in ("dill", "packaging.version", "pulumi.automation", "google.protobuf.internal.python_message"):
        postpone(name)
    if traced:
        return
    postpone("pulumi.runtime._instrumentation")
    aio = postpone("grpc.aio")
    if aio is not None:
        postpone("grpc", aio=aio)
