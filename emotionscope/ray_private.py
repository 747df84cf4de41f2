"""All that is used of Ray beside its public interface. A test for each name fails where Ray drops it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.data import Dataset

VITAL = ("gcs_server", "raylet")  # names of the processes without which Ray does nothing
_SPACE = b"emotionscope"  # of the keys in the store
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # variable that a driver of ``ray job submit`` has


def latest_address() -> str | None:
    """The address, host:port, of the latest ``ray start`` on this machine."""
    from ray._private.services import find_bootstrap_address

    # ray.init(address="auto") would also join the private Ray of another job, and end with it.
    address: str | None = find_bootstrap_address(None)
    return address


def ask_head(address: str) -> None:
    """Return when the Ray head at host:port has answered, which may be never; raises whatever Ray raises."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    GcsClient(address=address)


def node_groups() -> list[tuple[dict[str, float], int]]:
    """The groups of nodes that an autoscaler may add: the resources of a node, and how many there may be."""
    from ray._private.state import state

    config = state.get_cluster_config()  # Ray Data reads it there too
    return [(dict(group.resources), int(group.max_count)) for group in config.node_group_configs] if config else []


def map_blocks(data: "Dataset", actor: type, arguments: tuple[object, ...], actors: int, num_gpus: float) -> "Dataset":
    """Each block of the data, as an Arrow table, through one of up to `actors` actors; blocks are not mixed."""
    from ray.data import ActorPoolStrategy

    # The public method wants a number of rows where there are GPUs, and would then mix the blocks.
    return data.map_batches_internal(
        actor,
        fn_constructor_args=arguments,
        compute=ActorPoolStrategy(min_size=1, max_size=actors),
        num_gpus=num_gpus,
        batch_size=None,
        batch_format="pyarrow",
    )


def note(key: str, value: int) -> None:
    """Keep a number in the cluster's key-value store."""
    from ray.experimental import internal_kv

    internal_kv._internal_kv_put(key.encode(), str(value).encode(), overwrite=True, namespace=_SPACE)


def notes(prefix: str) -> dict[str, int]:
    """The numbers whose keys begin so, by the rest of the key."""
    from ray.experimental import internal_kv

    keys = internal_kv._internal_kv_list(prefix.encode(), namespace=_SPACE)
    values = {key: internal_kv._internal_kv_get(key, namespace=_SPACE) for key in keys}
    return {key.decode().removeprefix(prefix): int(value) for key, value in values.items() if value is not None}


def forget(prefix: str) -> None:
    """Drop the numbers whose keys begin so."""
    from ray.experimental import internal_kv

    internal_kv._internal_kv_del(prefix.encode(), del_by_prefix=True, namespace=_SPACE)
