// Networks that predict from inner layers too while they are trained.
#pragma once

#include <vector>

#include "lamina/nn/module.h"

namespace lamina::nn {

/// What such a network gives in training.
struct Outputs {
  struct Auxiliary {
    Tensor output;  // shaped as the main one
    double weight;  // of its loss
  };
  Tensor main;
  std::vector<Auxiliary> auxiliary = {};  // none in evaluation
};

/// A layer with auxiliary outputs. To others it is a layer as any: operator() gives the main output.
/// train::Supervised adds the weighted losses of the auxiliary ones; a task of one's own calls outputs().
class AuxiliaryLayer : public Layer {
 public:
  /// operator() with the auxiliary outputs.
  Outputs outputs(const Tensor& x);
  Tensor forward(const Tensor& x) final { return forward_all(x).main; }

 protected:
  virtual Outputs forward_all(const Tensor& x) = 0;
};

}  // namespace lamina::nn
