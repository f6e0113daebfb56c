// Examples into batches.
#pragma once

#include <vector>

#include "lamina/data/loader.h"
#include "lamina/data/pool.h"

namespace lamina::data {

/// collate() in buffers of the pool; `options` may be null.
Batch collate_in(const std::vector<Example>& examples, const SequenceOptions* options, TensorPool& pool);

}  // namespace lamina::data
