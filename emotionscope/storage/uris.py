"""The names of files and folders: an absolute or relative local path, or ``s3://bucket/prefix``."""

import os
import posixpath
import re
from urllib.parse import unquote

from emotionscope.errors import UserError


def is_s3(uri: str) -> bool:
    """Whether a URI names an object or prefix in S3."""
    return uri.startswith("s3://")


def absolute(uri: str) -> str:
    """The URI without ``file://``, a trailing slash or, for local paths, anything relative.

    What follows ``file:`` may be percent-encoded, as other programs write it. Raises UserError for an empty name or one
    that is not UTF-8, for a scheme that is neither a local path, file:// nor s3://, and for a key of S3 that no client
    can be relied on to read.
    """
    if not uri.strip():
        raise UserError("an empty path; name a folder, a file or s3://bucket/prefix")
    check_utf8(uri)
    if is_s3(uri):
        bucket, *names = uri.removeprefix("s3://").rstrip("/").split("/")
        if not bucket:
            raise UserError(f"{uri!r} names no bucket: write s3://bucket/prefix")
        if any(name in ("", ".", "..") for name in names):
            raise UserError(f"{uri!r}: nothing, . or .. between two slashes; write s3://bucket/prefix")
        return uri.rstrip("/")
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]+)://|(s3[an]?|file):", uri, re.IGNORECASE)
    if not scheme:
        return os.path.abspath(os.path.expanduser(uri))
    if (scheme[1] or scheme[2]).lower() != "file":
        raise UserError(f"{uri!r}: {scheme[0]} is not supported; use a local path or s3://bucket/prefix")
    path = unquote(re.sub(r"^file:(//(localhost(?=/))?)?", "", uri, flags=re.IGNORECASE))
    return os.path.abspath(os.path.expanduser(path))


def check_utf8(uri: str) -> None:
    """Raise UserError for a name with bytes of the file system that are not UTF-8, which Arrow cannot take."""
    try:
        uri.encode()
    except UnicodeEncodeError:
        name = uri.encode("utf-8", "backslashreplace").decode()
        raise UserError(f"{name}: its name is not UTF-8; rename it") from None


def join(uri: str, *names: str) -> str:
    """A URI below another; an absolute, ``file://`` or ``s3://`` name replaces what stands before it."""
    for name in names:
        name = absolute(name) if name.startswith("file:/") else name
        uri = name if is_s3(name) else posixpath.join(uri, name)
    return uri


def is_below(uri: str, root: str) -> bool:
    """Whether a URI, with its ``..`` followed, lies in the folder or prefix `root`."""
    scheme = "s3://" if is_s3(root) else ""
    if is_s3(uri) != is_s3(root):
        return False
    place, base = (posixpath.normpath(each.removeprefix(scheme)) for each in (uri, root))
    return place.startswith(base.rstrip("/") + "/")
