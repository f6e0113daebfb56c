#!/usr/bin/env bash
# Looking inside: graphs of formulas and networks.
set -euo pipefail
. "$LAMINA_ROOT/tests/e2e/lib"

lamina graph --expr "(x+y)*z" --at x=2,y=3,z=-4 -o graph.svg >graph.txt
has graph.txt 'result    -20' 'gradient  x -4, y -4, z 5' '%1 * z' graph.svg
has graph.svg '<svg xmlns=' '>-20<' '>-4<' '>5<'
lamina graph --expr "x^2 - y^2" --at x=0,y=0 --second >second.txt
has second.txt 'a saddle point' 'neither convex nor concave' Hessian
lamina graph --expr "(x+y)*z" --at x=2,y=3,z=-4 --second --json >graph.json
has graph.json '"value": -20.0' '"z": 5.0' '"hessian"'
refuses 'a closing bracket is missing' '^' -- graph --expr '(x+y*z' --at x=1,y=1,z=1
refuses 'the value of "z" is missing' -- graph --expr '(x+y)*z' --at x=2,y=3
refuses 'goes with --expr' -- graph "$LAMINA_ROOT/recipes/digits.yaml" --second
refuses 'got both' -- graph "$LAMINA_ROOT/recipes/digits.yaml" --expr 'x'
refuses 'a run, a recipe or --expr FORMULA' -- graph
refuses 'no such run' -- graph runs/none

lamina graph "$LAMINA_ROOT/recipes/digits.yaml" >network.txt
has network.txt 'drawn in  digits.svg'
has digits.svg '<svg xmlns=' Conv2d Linear '[10]'
lamina graph --model resnet18 -o resnet18.svg --json >resnet.json
has resnet.json '"network": "resnet18"'
has resnet18.svg 'add, relu' BatchNorm2d
