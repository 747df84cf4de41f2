"""What S3 has of its own: its client, whose variables travel with the tasks, access, and conditional writes.

Credentials, region and endpoint come from the usual ``AWS_`` variables, which pyarrow and boto3 both read.
"""

import os
import re
from functools import lru_cache
from typing import Any

from pyarrow import fs as pafs

from emotionscope.errors import RESUME, JobError, UserError, first_line

ATTEMPTS = 11  # of a request; the waits between them double from 25 ms, to some 50 seconds in all


def environment() -> dict[str, str]:
    """The driver's ``AWS_`` variables, for `use_environment` in a worker that another machine started.

    They travel inside the tasks and not in Ray's runtime environment, which dashboards and logs show.
    """
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def use_environment(variables: dict[str, str]) -> None:
    """Take over variables that this process lacks."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def endpoint() -> str:
    """The address of the S3 server, where it is not AWS's own; else empty."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


@lru_cache(maxsize=1)
def filesystem() -> pafs.S3FileSystem:
    """One client a process. Retries are bounded, so an unreachable server fails the job.

    The standard strategy of AWS would stop to retry once a process has had some fifty faults.
    """
    scheme, _, host = endpoint().rpartition("://")
    return pafs.S3FileSystem(
        endpoint_override=host or None,
        scheme=scheme or None,
        allow_delayed_open=True,  # a small file is one PUT
        retry_strategy=pafs.AwsDefaultS3RetryStrategy(max_attempts=ATTEMPTS),
        connect_timeout=10,
        request_timeout=60,
    )


SHORT = "the store ends its answers early"
# How pyarrow names what a store answers, after all retries, where the request is good and would do later.
_AWAY = re.compile(
    r"AWS Error (NETWORK_CONNECTION|SLOW_DOWN|THROTTLING|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|REQUEST_TIMEOUT"
    r"|UNKNOWN \(HTTP status (429|5\d\d)\))"
    rf"|{SHORT}"
)


def is_away(error: BaseException) -> bool:
    """Whether an error is that of a store which does not answer, or is too busy, and so says nothing of the object."""
    return isinstance(error, OSError) and bool(_AWAY.search(str(error)))


def failure(message: str, error: OSError) -> UserError | JobError:
    """What to raise for an error of storage: the user's mistake, unless the store is away."""
    if is_away(error):
        return JobError(f"{message} ({first_line(error)}); {RESUME}")
    return UserError(f"{message} ({first_line(error)})")


def check_bucket(bucket: str) -> None:
    """Make sure that a bucket, ``s3://bucket``, can be reached.

    Raises UserError saying what is wrong, and JobError where the store is too busy to say.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    try:
        boto3.client("s3", config=config).head_bucket(Bucket=bucket.removeprefix("s3://"))
    except ClientError as error:
        code = _status(error)
        if code >= 500 or code == 429:
            raise JobError(f"{bucket}: S3 answers {code}; {RESUME}") from error
        reason = {404: "there is no such bucket", 403: "access is denied (check the AWS_ variables)"}
        raise UserError(f"{bucket}: {reason.get(code, f'S3 answers {code}')}") from error
    except (BotoCoreError, ValueError) as error:
        raise UserError(f"{bucket}: S3 cannot be reached: {' '.join(str(error).split())}") from error


def swap(uri: str, before: bytes | None, content: bytes) -> bool:
    """Replace an object whose content is still `before`, or make one where none is (None); whether it was done.

    Raises OSError.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    client = boto3.client("s3", config=Config(connect_timeout=10, read_timeout=60, retries=retries))
    conditions = [{"IfNoneMatch": "*"}]
    try:
        if before is not None:
            tag = client.head_object(Bucket=bucket, Key=key)["ETag"]
            if _read(bucket, key) != before:
                return False
            # AWS writes an ETag in quotes; Ceph knows its own without them alone.
            conditions = [{"IfMatch": tag}, {"IfMatch": tag.strip('"')}]
        for condition in conditions:
            if _put(client, condition, Bucket=bucket, Key=key, Body=content):
                break
    except ClientError as error:
        if _status(error) == 404:
            return False
        kind = "AWS Error SERVICE_UNAVAILABLE: " if _status(error) >= 500 or _status(error) == 429 else ""
        raise OSError(kind + " ".join(str(error).split())) from error
    except BotoCoreError as error:
        raise OSError("AWS Error NETWORK_CONNECTION: " + " ".join(str(error).split())) from error
    # A request that was made again after a lost answer is refused by what its first attempt has written.
    return _read(bucket, key) == content


def _read(bucket: str, key: str) -> bytes | None:
    """An object's content, by the client that asks again where a connection is cut; None where it has gone."""
    try:
        with filesystem().open_input_file(f"{bucket}/{key}") as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        return None


def _put(client: Any, condition: dict[str, str], **request: object) -> bool:
    """Whether an object was written under a condition; a store without conditional writes writes it anyway."""
    from botocore.exceptions import ClientError

    try:
        client.put_object(**request, **condition)
    except ClientError as error:
        if _status(error) in (409, 412):
            return False
        if _status(error) not in (400, 501):
            raise
        client.put_object(**request)
    return True


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
