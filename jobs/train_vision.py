"""``python -m jobs.train_vision``: see `emotionscope.commands.train_vision`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("train_vision")
