// All layers.
#pragma once

#include "lamina/nn/layers/activation.h"
#include "lamina/nn/layers/attention.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/dropout.h"
#include "lamina/nn/layers/embedding.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/nn/layers/norm.h"
#include "lamina/nn/layers/output.h"
#include "lamina/nn/layers/pool.h"
#include "lamina/nn/layers/rnn.h"
#include "lamina/nn/layers/shape.h"
#include "lamina/nn/lengths.h"
