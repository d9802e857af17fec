"""Fits the head over MiniLM embeddings that src/sentiment/head.tsv holds, and writes the vectors that
the bench and the tests read. Run by hand where the lists or the labelled sets have changed:

    python head.py MODEL.onnx tokenizer.json vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014

MODEL and tokenizer are those that `tandem models pull` fetches; the last is the folder of rated texts in
the source distribution of vaderSentiment 3.3.2 (MIT). Needs numpy, onnxruntime, tokenizers, scikit-learn.
"""
import os
import random
import sys

import numpy as np
import onnxruntime
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from tokenizers import Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data")
OWN_WEIGHT = 20.0  # a caller's line counts as so many reviews or tweets
REGULARISATION = 1.0
NEUTRAL = 0.25  # of a score from -1 to 1

model, tokenizer, hutto = sys.argv[1:4]
tok = Tokenizer.from_file(tokenizer)
tok.enable_truncation(128)
tok.no_padding()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options)


def embed(text):
    ids = np.array([tok.encode(text).ids], dtype=np.int64)
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    mean = session.run(None, feed)[0][0].mean(0)
    return (mean / max(np.linalg.norm(mean), 1e-9)).astype(np.float32)


def rows(path):
    with open(path, encoding="utf-8") as lines:
        split = (line.rstrip("\n").split("\t") for line in lines if not line.startswith("#"))
        return [(float(score), text) for score, text in split]


def rated(name, most):
    """Means of twenty ratings, -4 to 4; a rating of 2 is taken for a feeling of 1."""
    with open(os.path.join(hutto, name + "_GroundTruth.txt"), encoding="utf-8", errors="replace") as lines:
        split = (line.rstrip("\n").split("\t") for line in lines)
        found = [(max(-1.0, min(1.0, float(r[1]) / 2.0)), r[2]) for r in split if len(r) >= 3]
    random.Random(7).shuffle(found)
    return found[:most]


def label(score):
    return 0 if score <= -NEUTRAL else 2 if score >= NEUTRAL else 1


own = rows(os.path.join(DATA, "fitted-en.tsv"))
others = rated("amazonReviewSnippets", 4000) + rated("tweets", 4200) + rated("movieReviewSnippets", 1500)
random.Random(8).shuffle(others)
cache = os.path.join(HERE, "hutto.npy")  # not kept: delete it where the texts change
if os.path.exists(cache):
    vectors = np.load(cache)
else:
    vectors = np.stack([embed(text) for _, text in others])
    np.save(cache, vectors)
labels = np.array([label(score) for score, _ in others])
cut = len(others) * 4 // 5
own_vectors = np.stack([embed(text) for _, text in own])
own_labels = np.array([label(score) for score, _ in own])


def fit(parts):
    x = np.concatenate([vectors[:cut], own_vectors[parts]])
    y = np.concatenate([labels[:cut], own_labels[parts]])
    weight = np.concatenate([np.ones(cut), np.full(len(parts), OWN_WEIGHT)])
    return LogisticRegression(C=REGULARISATION, max_iter=2000).fit(x, y, sample_weight=weight)


# Cross-checked over the callers' own lines in five parts, and on a fifth of the others.
order = np.random.RandomState(3).permutation(len(own))
told = np.zeros(len(own), int)
for part in range(5):
    away = order[part::5]
    told[away] = fit(np.setdiff1d(order, away)).predict(own_vectors[away])
head = fit(np.arange(len(own)))
rest = head.predict(vectors[cut:])
print("callers, five parts: accuracy %.3f macro F1 %.3f" % (accuracy_score(own_labels, told), f1_score(own_labels, told, average="macro")))
print("reviews and tweets, a fifth: accuracy %.3f macro F1 %.3f" % (accuracy_score(labels[cut:], rest), f1_score(labels[cut:], rest, average="macro")))

with open(os.path.join(HERE, "..", "src", "sentiment", "head.tsv"), "w") as out:
    out.write("# Weights of the head: a row each for negative, neutral, positive; the last number is the bias.\n")
    for weights, bias in zip(head.coef_, head.intercept_):
        out.write("\t".join("%.3f" % w for w in [*weights, bias]) + "\n")
for name in ("held-apart-en", "fitted-en"):
    with open(os.path.join(DATA, name + ".vectors"), "wb") as out:
        for _, text in rows(os.path.join(DATA, name + ".tsv")):
            vector = embed(text)
            scale = float(np.abs(vector).max()) / 127.0
            out.write(np.float32(scale).tobytes() + np.round(vector / scale).astype(np.int8).tobytes())
