"""Archives in a bucket of Amazon S3 or of what speaks its protocol; the only importer of boto3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from tomo.backup.destination import missing
from tomo.backup.streams import Reader, Writer
from tomo.errors import BackupError, NotSupported
from tomo.frozen import frozen
from tomo.model.values import Secret

PART: Final = 8 << 20
"""A part's size: of 10,000 parts an upload may have, so that 78 GiB fit; larger ones grow on the way."""
_GROWS_AFTER: Final = 1000


@frozen
class BucketAddress:
    """A bucket, and what names of files begin with. Without keys boto3 looks where it always does."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    access_key: Secret | None = None
    secret_key: Secret | None = None

    @property
    def location(self) -> str:
        """As people write it."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


class Bucket:
    """The files below a prefix."""

    def __init__(self, address: BucketAddress) -> None:
        self._address = address
        self._made: Any = None
        self.location = address.location

    def names(self) -> list[str]:
        """The names of its files."""
        prefix = self._key("")
        with self._told("list"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._address.bucket, Prefix=prefix, Delimiter="/"
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return sorted(key.removeprefix(prefix) for key in keys)

    @contextmanager
    def reading(self, name: str) -> Iterator[Reader]:
        """A file to read."""
        with self._told("read", name):
            found = self._client.get_object(Bucket=self._address.bucket, Key=self._key(name))
        body: Any = found["Body"]
        try:
            yield _Body(self, body)
        finally:
            body.close()

    @contextmanager
    def writing(self, name: str) -> Iterator[Writer]:
        """A new file, which is there when its last part is."""
        upload = _Upload(self, self._client, {"Bucket": self._address.bucket, "Key": self._key(name)})
        try:
            yield upload
            upload.finish()
        except BaseException:
            upload.abort()
            raise

    def remove(self, name: str) -> None:
        """Removes a file."""
        with self._told("change"):
            self._client.delete_object(Bucket=self._address.bucket, Key=self._key(name))

    def close(self) -> None:
        """Ends the connections."""
        if self._made is not None:
            self._made.close()

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Has what boto3 raises be told as BackupError."""
        with self._told(what):
            yield

    # --- parts ---

    def _key(self, name: str) -> str:
        prefix = self._address.prefix.strip("/")
        return f"{prefix}/{name}" if prefix else name

    @property
    def _client(self) -> Any:
        if self._made is None:
            self._made = _client(self._address)
        return self._made

    @contextmanager
    def _told(self, what: str, name: str = "") -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # noqa: PLC0415

        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if name and code in {"NoSuchKey", "404"}:
                raise missing(name, self.location) from error
            raise self._refused(what, code or "no reason") from error
        except (BotoCoreError, HTTPClientError) as error:
            raise self._refused(what, str(error)) from error

    def _refused(self, what: str, why: str) -> BackupError:
        return BackupError(
            f"`{self.location}` could not be {_DONE[what]}: {why}",
            hint="check the bucket, the endpoint and the keys under `backup`",
        )


_DONE: Final = {"list": "listed", "read": "read", "write": "written to", "change": "changed"}


def _client(address: BucketAddress) -> Any:
    try:
        import boto3  # noqa: PLC0415  # an extra, and takes 0.3 s
        from botocore.config import Config  # noqa: PLC0415
    except ImportError as error:
        raise NotSupported(
            "backups to S3 need the package boto3", hint="pip install 'tomo-iac[s3]'"
        ) from error
    keys = address.access_key, address.secret_key
    given = [key.reveal() if key is not None else None for key in keys]
    config = Config(
        retries={"max_attempts": 5, "mode": "standard"},
        s3={"addressing_style": "path"} if address.endpoint else {},
        # Other servers than Amazon's don't know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=address.endpoint,
        region_name=address.region or "us-east-1",
        aws_access_key_id=given[0],
        aws_secret_access_key=given[1],
        config=config,
    )


class _Body:
    def __init__(self, bucket: Bucket, body: Any) -> None:
        self._bucket, self._body = bucket, body

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""
        with self._bucket.told("read"):
            found: bytes = self._body.read(size if size >= 0 else None)
            return found


class _Upload:
    """A file in parts of at least 8 MiB; one smaller than that goes whole."""

    def __init__(self, bucket: Bucket, client: Any, target: dict[str, str]) -> None:
        self._bucket, self._client, self._target = bucket, client, target
        self._waiting, self._id, self._tags = bytearray(), "", list[str]()

    def write(self, data: bytes) -> int:
        """Takes all of them."""
        self._waiting += data
        if len(self._waiting) >= PART * (1 + len(self._tags) // _GROWS_AFTER):
            self._send()
        return len(data)

    def flush(self) -> None:
        """The end of the file sends the rest."""

    def finish(self) -> None:
        """Sends the rest, and has the parts put together."""
        with self._bucket.told("write"):
            if not self._id:
                self._client.put_object(**self._target, Body=bytes(self._waiting))
                return
            if self._waiting:
                self._send()
            parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(self._tags, 1)]
            self._client.complete_multipart_upload(
                **self._target, UploadId=self._id, MultipartUpload={"Parts": parts}
            )

    def abort(self) -> None:
        """Leaves nothing of it."""
        if self._id:
            with suppress(Exception):
                self._client.abort_multipart_upload(**self._target, UploadId=self._id)

    def _send(self) -> None:
        content, self._waiting = bytes(self._waiting), bytearray()
        with self._bucket.told("write"):
            if not self._id:
                self._id = self._client.create_multipart_upload(**self._target)["UploadId"]
            number = len(self._tags) + 1
            sent = self._client.upload_part(
                **self._target, UploadId=self._id, PartNumber=number, Body=content
            )
            self._tags.append(sent["ETag"])
