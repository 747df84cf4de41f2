"""All that is used of Ray beside its public interface. A test for each name fails where Ray drops it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.data import Dataset

VITAL = ("gcs_server", "raylet")  # names of the processes without which Ray does nothing
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
