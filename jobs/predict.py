"""``python -m jobs.predict``: see `emotionscope.commands.predict`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("predict")
