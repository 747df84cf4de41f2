#!/bin/sh
# Trains a text model on MELD and measures it.
#   sh examples/train_on_meld.sh MELD FOLDER
# MELD is the folder of its three CSVs. FOLDER gets the dialogues, a bundle of your own, the scores and a report.
# With the clips unpacked beside the CSVs, docs/meld.md shows the steps for faces.
set -eu
emotionscope prepare_meld --meld "$1" --output "$2/dialogues"
emotionscope train_text --dialogues "$2/dialogues" --bundle "$2/bundle" --licence "MELD: cite Poria et al., ACL 2019"
emotionscope score --text-only --dialogues "$2/dialogues" --bundle "$2/bundle" --output "$2/scores"
emotionscope evaluate --scores "$2/scores" --report "$2/report" --bundle "$2/bundle"
