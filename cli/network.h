// Networks that verbs name: by a run, a recipe or an architecture.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "lamina/nn/module.h"

namespace lamina::cli {

struct NetworkChoice {
  std::string what;  // a run directory or a recipe
  std::string model, input;
  std::vector<std::string> set;
  int64_t classes = 0;
};

/// The positional WHAT, --model, --set, --input and --classes.
void add_network_options(CLI::App& verb, NetworkChoice& choice, const std::string& what);

/// A network and what it takes.
struct Network {
  std::string title;
  nn::LayerPtr net;
  Shape input;  // without the batch axis
  DType dtype = DType::f32;
};

/// Trained weights of a run, fresh ones of the others. `expected` stands in the error where nothing or too much is
/// named.
Network open_network(const NetworkChoice& choice, const std::string& expected);
Network network_of_run(const std::string& path);

}  // namespace lamina::cli
