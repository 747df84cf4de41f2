"""EmotionScope: recognises emotions in conversations, from text and faces, on a Ray cluster."""

__version__ = "0.1.0"
