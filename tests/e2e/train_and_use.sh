#!/usr/bin/env bash
# The main job: train, evaluate, predict, look at it.
set -euo pipefail
. "$LAMINA_ROOT/tests/e2e/lib"

lamina train "$LAMINA_ROOT/recipes/digits.yaml" --set trainer.epochs=6 --run-dir runs/d --threads 2 >train.out 2>train.err
has train.out "data       digits" "test " "accuracy" "confusion matrix" "lamina predict runs/d"
for file in recipe.yaml data.json environment.json log.jsonl log.csv report.html; do
  [ -s "runs/d/$file" ] || fail "no $file"
done

lamina evaluate runs/d --json >evaluate.json
has evaluate.json '"accuracy"' '"loss"'
accuracy=$(sed -n 's/.*"accuracy": *\([0-9.e-]*\).*/\1/p' evaluate.json)
awk "BEGIN {exit !($accuracy > 0.9)}" || fail "accuracy $accuracy after 6 epochs"
lamina evaluate runs/d --part validation >evaluate.out
has evaluate.out "validation part" "confusion matrix"

lamina data export digits --index 0,1,2 images >export.out
[ "$(ls images/*.png | wc -l)" = 3 ] || fail "three pictures were asked for"
lamina predict runs/d images/*.png --top 2 >predict.out
[ "$(wc -l <predict.out)" = 3 ] || fail "three answers were expected"
# A plain grey picture of another size and depth, and one in colour.
{ echo "P2 10 12 255"; for i in $(seq 120); do echo $((i * 2)); done; } >other.pgm
{ echo "P3 2 2 255"; for i in $(seq 12); do echo $((i * 20)); done; } >colour.ppm
lamina predict runs/d other.pgm colour.ppm --json >predict.json
has predict.json '"file": "other.pgm"' '"class"' '"probability"'
[ "$(grep -c '"class"' predict.json)" = 6 ] || fail "two pictures with three classes each were expected"

lamina info runs/d >info.out
has info.out features.0 Conv2d parameters memory
lamina info runs/d/checkpoints/best/model.safetensors >tensors.out
has tensors.out features.0.weight "[32, 1, 3, 3]"
lamina info "$LAMINA_ROOT/recipes/digits.yaml" --json >info.json
has info.json '"parameters"' '"layers"' '"flops"'
lamina info "$LAMINA_ROOT/recipes/mnist-lenet5.yaml" --set data.root=nowhere --input 1x28x28 --classes 10 >recipe.out
has recipe.out Conv2d 'inputs [1, 28, 28]'
lamina info --model lenet5 >lenet.out
has lenet.out 61,706

# The weights of a run are a file like any other, and lead to the network.
has tensors.out Conv2d operations "to train"
lamina info runs/d/checkpoints/best/model.safetensors --json >tensors.json
has tensors.json '"tensors"' '"layers"' '"flops"' '"training_bytes"'

# Other data: pictures in folders for a network trained on a built-in set.
mkdir -p other/3 other/4 && cp images/*-is-3.png other/3/ && cp images/*-is-4.png other/4/
lamina evaluate runs/d --data other --json >other.json
has other.json '"examples": 3' '"confusion_matrix"' '"accuracy": 1.0'
mkdir -p wrong/x && cp images/*-is-3.png wrong/x/
refuses wrong/x "unknown class" -- evaluate runs/d --data wrong
refuses /no/such/digits "no such file or folder" -- evaluate runs/d --data /no/such/digits

# Tables: columns in another order, words, and none of the rows held out.
printf 'colour,size,kind\nred,1,a\nblue,2,b\nred,1.5,a\nblue,2.5,b\nred,1.2,a\nblue,2.2,b\ngreen,1,a\ngreen,2,b\n' >train.csv
printf 'size,kind,colour\n1,a,red\n2,b,red\n' >more.csv
printf 'data: {format: csv, root: train.csv, target: kind, categories: [colour], test_fraction: 0}\nmodel: linear\n' >table.yaml
lamina train table.yaml --set trainer.epochs=3 --run-dir runs/t >/dev/null 2>&1
lamina evaluate runs/t --data more.csv --json >more.json
has more.json '"examples": 2'
printf 'size,kind,colour\n1,a,pink\n' >pink.csv
refuses pink.csv:2 '"pink" is no category' -- evaluate runs/t --data pink.csv
refuses pink.csv:2 '"pink" is no category' -- predict runs/t pink.csv

rm runs/d/report.html
lamina report runs/d >/dev/null
! grep -qE '(src|href)="?https?:|@import|url\(http' runs/d/report.html || fail "the report refers to something outside"

# The resolved recipe repeats the run.
lamina train runs/d/recipe.yaml --run-dir runs/again >/dev/null 2>&1
cmp runs/d/checkpoints/last/model.safetensors runs/again/checkpoints/last/model.safetensors

lamina train "$LAMINA_ROOT/recipes/diabetes.yaml" --set trainer.epochs=3 --run-dir runs/r --explain >regression.out 2>/dev/null
has regression.out "The training step" "nodes recorded" "kernels to run" "GFLOP" rmse
lamina data export diabetes --index 0,1 rows >/dev/null
lamina predict runs/r rows/diabetes.csv --json >values.json
has values.json '"value"' 'diabetes.csv:2'
