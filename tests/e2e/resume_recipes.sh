#!/usr/bin/env bash
# Runs of several kinds, killed again and again, end with the bits of those that were left alone: workers, dropout,
# augmentation, running statistics, a schedule that reacts, early stopping.
set -euo pipefail
. "$LAMINA_ROOT/tests/e2e/lib"
kills=0

# The table of epochs without the times, which are its only column that may differ.
table() { awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == "seconds") s = i} {$s = ""; print}' "$1/log.csv"; }

# same NAME RECIPE OPTION…
same() {
  local name=$1 recipe=$LAMINA_ROOT/recipes/$2.yaml start last pid
  shift 2
  lamina train "$recipe" "$@" --threads 1 --run-dir "$name" >/dev/null 2>"$name.err" || { cat "$name.err" >&2; fail "$name"; }
  start=(train "$recipe" "$@" --threads 1 --run-dir "$name-cut")
  for _ in 1 2 3; do
    last=$(readlink "$name-cut/checkpoints/last" || true)
    "$LAMINA_BIN" "${start[@]}" >/dev/null 2>&1 &
    pid=$!
    # Killed as soon as it has got further than before.
    until [ "$(readlink "$name-cut/checkpoints/last" || true)" != "$last" ]; do
      kill -0 $pid 2>/dev/null || break
      sleep 0.01
    done
    kill -9 $pid 2>/dev/null && kills=$((kills + 1))
    wait $pid 2>/dev/null || true
    start=(train --resume "$name-cut" --threads 1)
  done
  lamina "${start[@]}" >/dev/null 2>"$name.err" || { cat "$name.err" >&2; fail "$name: resume"; }
  for file in last/model last/optimizer best/model; do
    cmp "$name/checkpoints/$file.safetensors" "$name-cut/checkpoints/$file.safetensors" || fail "$name: other bits in $file"
  done
  [ "$(table "$name")" = "$(table "$name-cut")" ] || fail "$name: another table of epochs"
}

same plateau wine --set 'schedule={name: reduce_on_plateau, patience: 1, gamma: 0.5}' --set data.validation=0.3 \
  --set 'trainer.early_stopping={metric: accuracy, patience: 6}' --set trainer.workers=2 --set trainer.checkpoint_steps=2
[ "$(wc -l <plateau/log.csv)" -lt 60 ] || fail "no early stop"
[ "$(awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == "lr") c = i} NR > 1 {print $c}' plateau/log.csv | sort -u | wc -l)" -gt 1 ] ||
  fail "the rate was never reduced"
same values diabetes --set trainer.epochs=8 --set trainer.workers=0 --set trainer.checkpoint_steps=3 \
  --set 'optimizer={name: momentum, lr: 1e-3, groups: [{match: "*.bias", lr_scale: 2}]}'
same pictures digits --set trainer.epochs=2 --set trainer.workers=3 --set trainer.checkpoint_steps=5 \
  --set model.batch_norm=true --set trainer.clip_norm=1 --set trainer.statistics_steps=4
[ $kills -ge 3 ] || fail "only $kills kills"
