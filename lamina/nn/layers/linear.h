// The fully connected layer.
#pragma once

#include "lamina/nn/module.h"
#include "lamina/nn/options.h"

namespace lamina::nn {

struct LinearOptions {
  Required in, out;
  bool bias = true;
  std::string init = "default";  // of the weight: see nn/init.h
  LAMINA_OPTIONS(in, out, bias, init)
};

/// x [.., in] → x·weightᵀ + bias [.., out]; weight [out, in], bias [out].
class Linear final : public Layer {
 public:
  using Options = LinearOptions;
  explicit Linear(LinearOptions options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_, bias_)

 private:
  LinearOptions options_;
  Param weight_, bias_;
};

}  // namespace lamina::nn
