#include "lamina/nn/auxiliary.h"

#include "lamina/core/error.h"
#include "lamina/engine/module_path.h"

namespace lamina::nn {

Outputs AuxiliaryLayer::outputs(const Tensor& x) {
  name_children();
  const ModulePathScope scope(name());
  try {
    return forward_all(x);
  } catch (Error& error) {
    if (!name().empty()) error.in_module(name());
    throw;
  }
}

}  // namespace lamina::nn
