"""``python -m jobs.extract_keyframes``: see `emotionscope.commands.extract_keyframes`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("extract_keyframes")
