// All operations on tensors.
#pragma once

#include "lamina/ops/conv.h"
#include "lamina/ops/create.h"
#include "lamina/ops/ctc.h"
#include "lamina/ops/derivatives.h"
#include "lamina/ops/index.h"
#include "lamina/ops/matmul.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/norm.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/pool.h"
#include "lamina/ops/random.h"
#include "lamina/ops/reduce.h"
#include "lamina/ops/rnn.h"
#include "lamina/ops/softmax.h"
