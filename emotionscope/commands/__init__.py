"""The commands, one file each: ``emotionscope NAME --flag value``, or ``python -m jobs.NAME --flag value``.

Here: the order of a command's steps, and its flags. Not here: what a step does.
"""

from emotionscope import ray_session as ray_session  # first of all: Ray reads its settings when it is imported

# As ``emotionscope --help`` lists them. The line beside each is the first of the job's docstring.
GROUPS = {
    "Try it": ("demo", "predict"),
    "Prepare an archive": ("prepare_meld", "prepare_videos", "extract_keyframes"),
    "Train the models": ("train_text", "train_vision", "fit_fusion", "bundle"),
    "Score and explore": (
        *("score", "score_all", "people", "summarise"),
        *("evaluate", "compare", "drift", "export", "dashboard"),
    ),
}
NAMES = tuple(name for names in GROUPS.values() for name in names)
