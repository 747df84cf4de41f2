"""``python -m jobs.prepare_videos``: see `emotionscope.commands.prepare_videos`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("prepare_videos")
