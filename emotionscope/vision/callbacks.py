"""What people see of a running training: a line for each epoch, handed from Ray's controller to the driver.

Apart from the training, so that the controller's process need not load torch's models.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import ray.train
from ray.util.queue import Empty, Queue

from emotionscope.storage.place import JsonObject

if TYPE_CHECKING:
    from ray.train.torch import TorchTrainer


class Lines(ray.train.UserCallback):
    """Hands the driver a line for each epoch, and for each failure that the run survives."""

    def __init__(self, lines: Queue, epochs: int) -> None:
        self.lines, self.epochs = lines, epochs

    def after_report(self, run_context: Any, metrics: list[JsonObject], checkpoint: Any) -> None:  # noqa: ARG002
        """Tell how the epoch went; Ray calls this when all workers have reported it."""
        first = metrics[0]
        loss = sum(one["loss"] for one in metrics) / len(metrics)
        best = "  best" if first["best_epoch"] == first["epoch"] else ""
        self.lines.put(
            f"epoch {first['epoch']:>3} of {self.epochs}  loss {loss:.4f}  dev weighted F1 {first['dev_f1']:.4f}"
            f"  {first['rate']:,.0f} images/s{best}"
        )

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:  # noqa: ARG002
        """Tell which worker failed, and of what."""
        for rank, error in worker_exceptions.items():
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            self.lines.put(f"training worker {rank} failed: {reason}")


def fit(trainer: "TorchTrainer", lines: Queue, on_line: Callable[[str], None]) -> Any:
    """Run the trainer in a thread, so that this one can print lines, and an interrupt ends it at once."""
    outcome: Future[Any] = Future()

    def run() -> None:
        # Only `run` may call Ray here: after a shutdown, any other call would start Ray anew.
        try:
            outcome.set_result(trainer.fit())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    while not outcome.done():
        with suppress(Empty):
            on_line(lines.get(timeout=1))
    for line in lines.get_nowait_batch(lines.qsize()):
        on_line(line)
    lines.shutdown()
    return outcome.result()
