// A network as a picture: its layers, and what flows between them.
#pragma once

#include <string>

#include "lamina/nn/module.h"
#include "lamina/report/diagram.h"

namespace lamina::inspect {

/// Records one evaluation pass, without running it, for one input of this shape (with the batch axis). Calls of a layer
/// are boxes with kind, path and number of parameters; what a network does between its layers (additions, joins) is
/// drawn as ellipses; the arrows bear the shape of what they carry, without the batch axis. Throws the Error that a
/// real pass would where shapes do not fit.
report::Diagram network_diagram(const nn::Layer& network, const std::string& title, const Shape& input, DType dtype);

}  // namespace lamina::inspect
