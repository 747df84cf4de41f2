"""``python -m jobs.train_text``: see `emotionscope.commands.train_text`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("train_text")
