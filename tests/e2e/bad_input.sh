#!/usr/bin/env bash
# Whatever is wrong: one screen that says what, where, expected and got; exit code 2; nothing lost.
set -euo pipefail
. "$LAMINA_ROOT/tests/e2e/lib"
digits=$LAMINA_ROOT/recipes/digits.yaml

refuses 'no verb "trian"' 'did you mean "train"?' -- trian
refuses 'no option --run-dri' '--run-dir' -- train "$digits" --run-dri x
refuses 'at least 1' '"0"' -- train "$digits" --threads 0
refuses 'at least 1' '"two"' -- train "$digits" --threads two
refuses 'a recipe or --resume' -- train
refuses 'nothing.yaml' 'cannot be read' -- train nothing.yaml
refuses 'no such run' -- evaluate runs/none
refuses 'no such run' -- train --resume runs/none
refuses 'no data set "mnst"' 'mnist' -- data get mnst
refuses 'seed' 'whole number' -- train "$digits" --seed one
refuses '--set' 'path=value' -- train "$digits" --set optimizer.lr
refuses '--set optimizer.lr' 'a number' -- train "$digits" --set optimizer.lr=fast
refuses '--set optimizer.name' 'did you mean "adam"?' -- train "$digits" --set optimizer.name=adm
refuses '--set model.fliters' 'filters' -- train "$digits" --set model.fliters=[3]
refuses '--set metrics' 'accuracy' -- train "$digits" --set 'metrics=[acuracy]'
refuses 'no model "lenet"' 'lenet5' -- info --model lenet

cat >shapes.yaml <<'YAML'
data: {format: builtin, name: digits}
model:
  layers:
    - flatten
    - linear: {in: 65, out: 10}
YAML
refuses 'shapes.yaml:5:20' 'layer 1 (linear)' 65 64 -- train shapes.yaml

# Data files.
printf 'a,b,y\n1,2,0\n3,x,1\n' >text.csv
printf 'data: {format: csv, root: text.csv, target: y}\nmodel: mlp\n' >text.yaml
refuses text.csv:3 '"x"' -- train text.yaml
mkdir idx
printf '\0\0\010\003\0\0' >idx/train-images-idx3-ubyte
printf 'data: {format: idx, root: idx}\nmodel: lenet5\n' >idx.yaml
refuses idx -- train idx.yaml
printf 'data: {format: idx, root: missing}\nmodel: lenet5\n' >missing.yaml
refuses missing -- train missing.yaml

# A run, and what can be done wrong with it.
lamina train "$digits" --set trainer.epochs=1 --run-dir run >/dev/null 2>&1
sum() { cat run/checkpoints/last/model.safetensors run/recipe.yaml | cksum; }
before=$(sum)
refuses '"run" holds a run already' '--resume run' -- train "$digits" --run-dir run
[ "$(sum)" = "$before" ] || fail "the run was changed"
printf 'not a picture' >text.png
refuses text.png -- predict run text.png
head -c 40 "$LAMINA_ROOT/tests/golden/io/rgb.png" >cut.png
refuses cut.png -- predict run cut.png
refuses none.png -- predict run none.png
refuses '--top' '1 or more' -- predict run "$LAMINA_ROOT/tests/golden/io/rgb.png" --top 0
head -c 100 run/checkpoints/best/model.safetensors >cut.safetensors
refuses /nowhere '--input' -- info "$LAMINA_ROOT/recipes/mnist-lenet5.yaml" --set data.root=/nowhere
refuses cut.safetensors -- info cut.safetensors
lamina train "$digits" --set 'model={name: mlp}' --set trainer.epochs=1 --run-dir other >/dev/null 2>&1
cp -rL other/checkpoints/best swapped && cp -r run mixed && rm -rf mixed/checkpoints && cp -r other/checkpoints mixed/
refuses features.0.weight layers.0.weight -- evaluate mixed
refuses 'a file' -- train "$digits" --run-dir text.png

# Two at once on one directory.
"$LAMINA_BIN" train "$digits" --run-dir busy >/dev/null 2>&1 &
pid=$!
trap 'kill -9 $pid 2>/dev/null || true' EXIT
until [ -s busy/log.jsonl ]; do sleep 0.02; done
refuses busy -- train --resume busy
refuses busy -- train "$digits" --run-dir busy
kill -9 $pid
wait $pid 2>/dev/null || true
trap - EXIT
