"""The jobs as ``ray job submit`` starts them: ``python -m jobs.NAME``. Each is a file of `emotionscope.commands`."""
