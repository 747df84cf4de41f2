"""The three models as one versioned folder.

Here: publishing and loading a bundle, and its model card. Not here: the models themselves.
"""
