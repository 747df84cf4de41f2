"""What S3 has of its own: its client, whose variables travel with the tasks, access, and objects made only once.

Credentials, region and endpoint come from the usual ``AWS_`` variables, which pyarrow and boto3 both read.
"""

import os
import re
from functools import lru_cache

from pyarrow import fs as pafs

from emotionscope.errors import RESUME, JobError, UserError, first_line
from emotionscope.storage import uris

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


@lru_cache(maxsize=1)
def filesystem() -> pafs.S3FileSystem:
    """One client a process, with bounded retries so that a lost server ends a job and not its patience.

    The standard strategy of AWS would stop to retry once a process has had some fifty faults.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    scheme, _, host = endpoint.rpartition("://")
    return pafs.S3FileSystem(
        endpoint_override=host or None,
        scheme=scheme or None,
        allow_delayed_open=True,  # a small file is one PUT
        retry_strategy=pafs.AwsDefaultS3RetryStrategy(max_attempts=ATTEMPTS),
        connect_timeout=10,
        request_timeout=60,
    )


# How pyarrow names what a store answers, after all retries, where the request is good and would do later.
_AWAY = re.compile(
    r"AWS Error (NETWORK_CONNECTION|SLOW_DOWN|THROTTLING|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|REQUEST_TIMEOUT"
    r"|UNKNOWN \(HTTP status (429|5\d\d)\))"
)


def is_away(error: BaseException) -> bool:
    """Whether an error is that of a store which does not answer, or is too busy, and so says nothing of the object."""
    return isinstance(error, OSError) and bool(_AWAY.search(str(error)))


def failure(message: str, error: OSError) -> UserError | JobError:
    """What to raise for an error of storage: the user's mistake, unless the store is away."""
    if is_away(error):
        return JobError(f"{message} ({first_line(error)}); {RESUME}")
    return UserError(f"{message} ({first_line(error)})")


def check_access(uri: str) -> None:
    """Make sure that a URI's bucket can be reached; local paths pass.

    Raises UserError saying what is wrong, and JobError where the store is too busy to say.
    """
    if not uris.is_s3(uri):
        return
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = uri.removeprefix("s3://").split("/")[0]
    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    try:
        boto3.client("s3", config=config).head_bucket(Bucket=bucket)
    except ClientError as error:
        code = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
        if code >= 500 or code == 429:
            raise JobError(f"{uri}: S3 answers {code}; {RESUME}") from error
        reason = {404: "there is no such bucket", 403: "access is denied (check the AWS_ variables)"}
        raise UserError(f"{uri}: {reason.get(code, f'S3 answers {code}')}") from error
    except (BotoCoreError, ValueError) as error:
        raise UserError(f"{uri}: S3 cannot be reached: {' '.join(str(error).split())}") from error


def create(uri: str, content: bytes) -> bool:
    """Write an object where none is; whether it was this call that made it. Raises OSError."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    client = boto3.client("s3")
    try:
        try:
            client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status in (409, 412):
                return False
            if status not in (400, 501):
                raise
            client.put_object(Bucket=bucket, Key=key, Body=content)
    except (BotoCoreError, ClientError) as error:
        raise OSError(" ".join(str(error).split())) from error
    with filesystem().open_input_file(f"{bucket}/{key}") as stream:
        return bool(stream.read() == content)
