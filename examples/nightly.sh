#!/bin/sh
# A nightly append: scores what has arrived in a folder, adds it to a table, and reports a drift of the scores.
#   sh examples/nightly.sh DROPS SCORES
# Both may be s3:// prefixes. A scheduler gives the same command every night; after a stop, the next run goes on.
set -eu
emotionscope score --append --dialogues "$1" --output "$2"
emotionscope drift --scores "$2" --limit 0.25
