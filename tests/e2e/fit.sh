#!/usr/bin/env bash
# lamina fit and predict on tables: what is said, what is kept, and what is refused.
set -euo pipefail
. "$LAMINA_ROOT/tests/e2e/lib"

lamina fit >list.out
has list.out logistic ridge perceptron kmeans
lamina fit ridge >options.out
has options.out alpha missing --prepare

# A table with a bit of everything: semicolons, a mark of the byte order, CRLF, quotes, missing cells, words, dates.
{
  printf '\xEF\xBB\xBFsize;kind;day;"note; free";y\r\n'
  for i in $(seq 1 60); do
    printf '%s;%s;2024-01-%02d;"a ""word"" %s";%s\r\n' "$((i * 7 % 23))" "$([ $((i % 9)) = 0 ] || echo k$((i % 3)))" \
      $((i % 28 + 1)) $((i % 2)) "$([ $((i * 7 % 23)) -gt 11 ] && echo yes || echo no)"
  done
} >mixed.csv
lamina fit softmax mixed.csv --target y --cv 5 --save model >fit.out
has fit.out '60 rows, 5 columns' 'size' numeric categorical date 'note; free' 'note: column "kind": 6 missing cells filled in' \
  training 5-fold 'accuracy' 'lamina predict model'
lamina fit softmax mixed.csv --target y --json >fit.json
has fit.json '"accuracy": 1.0' '"missing": 6' '"target": "y"' '"type": "date"'
head -3 mixed.csv >rows.csv
lamina predict model rows.csv >predict.out
has predict.out 'rows.csv:2: no' 'rows.csv:3: yes'
lamina predict model rows.csv --json >predict.json
has predict.json '"class": "no"' '"probabilities"' '"row": "rows.csv:3"'

# The pocket keeps the best line that it met: three of four corners.
printf 'a,b,y\n0,0,no\n0,1,yes\n1,0,yes\n1,1,no\n' >xor.csv
lamina fit perceptron xor.csv --target y --json >xor.json
has xor.json '"accuracy": 0.75'

# Ensembles of any learner, by name with options.
lamina fit bagging mixed.csv --target y --base tree --set base.depth=3 --set members=10 --json >bagging.json
has bagging.json '"base": "tree depth=3"' '"out-of-bag accuracy"'
lamina fit stacking mixed.csv --target y --member 'tree depth=3' --member knn --cv 3 --save stack >stack.out
has stack.out '3-fold' 'what softmax makes of the members'
lamina predict stack rows.csv >stacked.out
has stacked.out 'rows.csv:2: no'
refuses 'no learner "tre"' 'did you mean "tree"?' -- fit bagging mixed.csv --target y --base tre
refuses 'no option "dpth"' depth -- fit bagging mixed.csv --target y --set base.dpth=3

# A column that knows the answer, and names that come twice.
awk 'BEGIN { print "a,a,result,y"; for (i = 0; i < 40; ++i) print i * 7 % 13 "," i % 3 "," (i % 2) * 10 "," i % 2 }' >leak.csv
lamina fit logistic leak.csv --target y >leak.out
has leak.out 'warning: "result" follows the target exactly' 'column 2 is called "a.2"'

refuses 'no learner "logistc"' 'did you mean "logistic"?' -- fit logistc mixed.csv --target y
refuses 'has no option "alfa"' alpha -- fit ridge mixed.csv --target size --set alfa=1
refuses mixed.csv 'no column "z"' -- fit ridge mixed.csv --target z
refuses 'which column?' --target -- fit ridge mixed.csv
refuses none.csv 'no such file' -- fit ridge none.csv --target y
refuses 'at most as many folds as rows' -- fit softmax mixed.csv --target y --cv 61
refuses 'at least 2 folds' -- fit softmax mixed.csv --target y --cv 1
refuses '--type' categorical -- fit softmax mixed.csv --target y --type size=word
refuses mixed.csv:2 'expected a number' -- fit softmax mixed.csv --target y --type kind=numeric
refuses 'expected numbers as the target' -- fit ridge mixed.csv --target y
refuses '--prepare scale' standard -- fit softmax mixed.csv --target y --prepare scale=big
: >empty.csv
refuses empty.csv 'is empty' -- fit ridge empty.csv --target y
awk 'BEGIN { print "a,b"; for (i = 0; i < 30; ++i) print i "," (i == 17 ? "oops" : i) }' >text.csv
refuses text.csv:19 '"oops"' '--type b=categorical' -- fit ridge text.csv --target a
printf 'a,y\n1,u\n2,u\n' >one.csv
refuses 'one class only, "u"' -- fit softmax one.csv --target y
printf 'a,y\n1,u\n2,v\n3,u\n4,u\n' >rare.csv
refuses 'class "v" has one row' -- fit softmax rare.csv --target y --cv 2
printf 'a,y\n1,2\n1,3\n' >constant.csv
refuses constant.csv 'no column left' -- fit ridge constant.csv --target y
printf 'size;kind;day;"note; free"\nbig;k1;2024-01-01;x\n' >words.csv
refuses words.csv:2 '"size"' 'expected a number, got "big"' -- predict model words.csv
printf 'kind\nk1\n' >short.csv
refuses short.csv 'has no column "day"' -- predict model short.csv

# 100,000 columns.
awk 'BEGIN { for (r = 0; r < 4; ++r) { for (c = 0; c < 100000; ++c) printf "%s,", r ? (r * c * 7919) % 101 : "c" c
     print r ? r * 3 : "y" } }' >wide.csv
lamina fit ridge wide.csv --target y --json >wide.json
has wide.json '"rows": 3' '"r2"'
