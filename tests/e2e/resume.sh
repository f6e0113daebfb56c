#!/usr/bin/env bash
# A run that is killed at any moment goes on as if nothing had happened, bit for bit.
set -euo pipefail
. "$LAMINA_ROOT/tests/e2e/lib"
recipe=$LAMINA_ROOT/recipes/digits.yaml
short=(--set trainer.epochs=4 --set trainer.checkpoint_steps=7 --seed 5 --threads 1)

lamina train "$recipe" "${short[@]}" --run-dir whole >/dev/null 2>&1

for steps in 2 9 60; do
  rm -rf cut
  "$LAMINA_BIN" train "$recipe" "${short[@]}" --set trainer.log_steps=1 --run-dir cut >/dev/null 2>&1 &
  pid=$!
  # Killed once so many steps are in the log.
  until [ "$(grep -c '"step"' cut/log.jsonl 2>/dev/null || true)" -ge $steps ] 2>/dev/null; do
    kill -0 $pid 2>/dev/null || break
    sleep 0.02
  done
  kill -9 $pid 2>/dev/null || true
  wait $pid 2>/dev/null || true
  lamina train --resume cut --threads 1 >/dev/null 2>resume.err || { cat resume.err >&2; fail "resume after $steps steps"; }
  cmp whole/checkpoints/last/model.safetensors cut/checkpoints/last/model.safetensors || fail "other weights after $steps steps"
  cmp whole/checkpoints/last/optimizer.safetensors cut/checkpoints/last/optimizer.safetensors || fail "other moments"
done

# Ctrl-C finishes the step, saves, says how to go on, and exits with 130.
rm -rf cut
"$LAMINA_BIN" train "$recipe" "${short[@]}" --run-dir cut >/dev/null 2>interrupt.err &
pid=$!
until [ -s cut/log.jsonl ]; do sleep 0.02; done
kill -INT $pid
status=0
wait $pid || status=$?
# A background job of a script ignores Ctrl-C unless the program asks for it; ours does.
[ $status = 130 ] || { cat interrupt.err >&2; fail "exit code $status, not 130"; }
has interrupt.err "lamina train --resume cut"
lamina train --resume cut --threads 1 >/dev/null 2>&1
cmp whole/checkpoints/last/model.safetensors cut/checkpoints/last/model.safetensors

