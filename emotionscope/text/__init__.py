"""The text model.

Here: TF-IDF with logistic regression, its training and its file. Not here: reading tables (`emotionscope.tables`).
"""
