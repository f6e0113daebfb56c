// What a network is made of, without running it.
#pragma once

#include <string>
#include <vector>

#include "lamina/nn/module.h"

namespace lamina::nn {

struct SummaryRow {
  std::string path;               // "0", "layer1.0.conv1"; empty for the network itself
  std::string kind;               // "Conv2d"
  std::string options;            // JSON
  Shape input = {}, output = {};  // of its (last) call
  int64_t parameters = 0;         // its own, without those of its children
  int64_t trainable = 0;          // of these
  double flops = 0;               // of one forward pass, its own
  bool leaf = true;               // has no child that was called
};

struct Summary {
  std::vector<SummaryRow> rows;  // in the order in which layers are listed
  int64_t parameters = 0, trainable = 0;
  int64_t state_bytes = 0;       // parameters and buffers
  int64_t activation_bytes = 0;  // results of all leaf layers
  double flops = 0;
  /// A table as text.
  std::string str() const;
};

/// Traces one evaluation pass for an input of this shape (with the batch axis); no kernel runs. Throws the Error that
/// a real pass would where shapes do not fit.
Summary summary(const Layer& layer, const Shape& input, DType dtype = DType::f32);

}  // namespace lamina::nn
