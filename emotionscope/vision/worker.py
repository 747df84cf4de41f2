"""What Ray Train runs in each worker. Apart, so that its controller, which reads it too, need not load the models."""

from emotionscope.vision.recipe import Outcome, TrainLoopConfig


def train_loop_per_worker(given: dict[str, TrainLoopConfig]) -> Outcome | None:
    """Train as the entry ``config`` of what Ray Train is given says; the first worker has the outcome."""
    from emotionscope.vision import train_loop

    return train_loop.train(given["config"])
