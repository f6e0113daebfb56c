// One record per layer (and per important setting of its options): what the battery of tests runs on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lamina/nn/layers.h"

namespace lamina::nn {

struct LayerRecord {
  std::string key;  // that of tests/golden/layers.json: "Conv2d/uneven"
  std::function<LayerPtr()> make;
  std::vector<std::string> names = {};  // of parameters and buffers, in order
  int64_t parameters = 0;               // their elements, without those of buffers
  std::string kind() const { return key.substr(0, key.find('/')); }
};

const std::vector<LayerRecord>& layer_catalog();

}  // namespace lamina::nn
