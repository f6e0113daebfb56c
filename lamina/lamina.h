// The public interface, all of it: tensors and their operations, gradients, capture, modules, optimizers, data, metrics
// and training. Programs in a hurry to compile include the single headers.
#pragma once

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/data/dataset.h"
#include "lamina/data/loader.h"
#include "lamina/data/open.h"
#include "lamina/data/split.h"
#include "lamina/data/transforms.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/capture.h"
#include "lamina/io/safetensors.h"
#include "lamina/metrics/metrics.h"
#include "lamina/models/registry.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers.h"
#include "lamina/nn/loss.h"
#include "lamina/nn/summary.h"
#include "lamina/ops/ops.h"
#include "lamina/optim/optim.h"
#include "lamina/train/trainer.h"
