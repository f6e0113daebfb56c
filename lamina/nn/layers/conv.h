// Convolutions in 1, 2 and 3 dimensions, and their transposes.
#pragma once

#include "lamina/nn/module.h"
#include "lamina/nn/options.h"

namespace lamina::nn {

struct ConvLayerOptions {
  Required in, out;
  RequiredAxes kernel;
  PerAxis stride = 1;
  PerAxis padding = 0;  // zeros on both sides
  PerAxis dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  std::string init = "default";  // of the weight: see nn/init.h
  LAMINA_OPTIONS(in, out, kernel, stride, padding, dilation, groups, bias, init)
};

/// x [n, in, spatial…] → [n, out, spatial′…]; weight [out, in/groups, kernel…], bias [out]. See lamina/ops/conv.h.
class ConvNd : public Layer {
 public:
  using Options = ConvLayerOptions;
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }

 protected:
  ConvNd(int axes, const char* kind, ConvLayerOptions options);
  int axes_;
  ConvLayerOptions options_;
  Param weight_, bias_;
};

class Conv1d final : public ConvNd {
 public:
  explicit Conv1d(ConvLayerOptions options) : ConvNd(1, "Conv1d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(weight_, bias_)
};
class Conv2d final : public ConvNd {
 public:
  explicit Conv2d(ConvLayerOptions options) : ConvNd(2, "Conv2d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(weight_, bias_)
};
class Conv3d final : public ConvNd {
 public:
  explicit Conv3d(ConvLayerOptions options) : ConvNd(3, "Conv3d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(weight_, bias_)
};

struct ConvTransposeLayerOptions {
  Required in, out;
  RequiredAxes kernel;
  PerAxis stride = 1;
  PerAxis padding = 0;         // cut from both sides of the result
  PerAxis output_padding = 0;  // added to its end
  PerAxis dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  std::string init = "default";  // of the weight: see nn/init.h
  LAMINA_OPTIONS(in, out, kernel, stride, padding, output_padding, dilation, groups, bias, init)
};

/// The adjoint of a convolution: x [n, in, spatial…] → [n, out, spatial′…]; weight [in, out/groups, kernel…], bias
/// [out].
class ConvTransposeNd : public Layer {
 public:
  using Options = ConvTransposeLayerOptions;
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }

 protected:
  ConvTransposeNd(int axes, const char* kind, ConvTransposeLayerOptions options);
  int axes_;
  ConvTransposeLayerOptions options_;
  Param weight_, bias_;
};

class ConvTranspose1d final : public ConvTransposeNd {
 public:
  explicit ConvTranspose1d(ConvTransposeLayerOptions options)
      : ConvTransposeNd(1, "ConvTranspose1d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(weight_, bias_)
};
class ConvTranspose2d final : public ConvTransposeNd {
 public:
  explicit ConvTranspose2d(ConvTransposeLayerOptions options)
      : ConvTransposeNd(2, "ConvTranspose2d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(weight_, bias_)
};
class ConvTranspose3d final : public ConvTransposeNd {
 public:
  explicit ConvTranspose3d(ConvTransposeLayerOptions options)
      : ConvTransposeNd(3, "ConvTranspose3d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(weight_, bias_)
};

}  // namespace lamina::nn
