// Normalization.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina {

struct BatchNormResult {
  Tensor y;         // shaped like x
  Tensor mean;      // [channels], of this batch
  Tensor variance;  // [channels], biased, of this batch
};

/// Training form, statistics over all axes but 1: y = (x − mean)/√(variance + eps)·weight + bias.
/// weight and bias [channels], or undefined: 1 and 0. (Ioffe and Szegedy 2015)
BatchNormResult batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5);
/// Inference form, with given statistics.
Tensor batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                       const Tensor& variance, double eps = 1e-5);
/// Over the trailing axes, as many as weight has. (Ba, Kiros and Hinton 2016)
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5);
/// Over groups of channels. (Wu and He 2018)
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps = 1e-5);
/// Each channel of each sample by itself. (Ulyanov et al. 2016)
Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5);
/// x / (k + alpha/size · Σ x²)^beta over `size` neighbouring channels. (Krizhevsky et al. 2012, as PyTorch scales
/// alpha)
Tensor local_response_norm(const Tensor& x, int64_t size, double alpha = 1e-4, double beta = 0.75, double k = 1);

}  // namespace lamina
