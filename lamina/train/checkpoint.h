// Checkpoints of a run directory: <run>/checkpoints/<name>/{model.safetensors, optimizer.safetensors, state.json}, and
// the links `last` and `best` beside them.
#pragma once

#include <string>
#include <vector>

#include "lamina/nn/module.h"

namespace lamina::train {

/// All of a run at one moment.
struct Snapshot {
  std::vector<nn::NamedVariable> model, optimizer;
  std::string state;  // JSON
};

/// Written aside, synced and renamed: whoever looks, even after a crash, finds all of it or nothing. Throws Error
/// naming path and reason; what was there before stays.
void write_checkpoint(const std::string& run_dir, const std::string& name, const Snapshot& snapshot);

/// Makes `link` ("last", "best") lead to a checkpoint, at once.
void point_to(const std::string& run_dir, const std::string& link, const std::string& name);

/// The name behind a link; empty where there is none.
std::string pointed_to(const std::string& run_dir, const std::string& link);

/// Names of all complete checkpoints, the oldest first.
std::vector<std::string> list_checkpoints(const std::string& run_dir);

/// Drops checkpoints, the oldest first, until `keep` are left besides best and last; and what a crash left
/// half-written.
void drop_old_checkpoints(const std::string& run_dir, int64_t keep);

/// Folder of "last", "best" or a name; throws Error that lists what there is.
std::string find_checkpoint(const std::string& run_dir, const std::string& which);

/// Fills variables from a safetensors file. Throws Error listing missing, unexpected and mismatched tensors; then no
/// variable has changed. `owner`: "network", "optimizer".
void load_variables(const std::vector<nn::NamedVariable>& variables, const std::string& file, const std::string& owner);

/// The file of weights that a path stands for: a run directory's ("best", else "last"), a checkpoint folder's, or the
/// file itself. Throws Error where there is none.
std::string weights_file(const std::string& path);
/// Fills parameters and buffers of a network from there.
void load_weights(nn::Module& network, const std::string& path);

}  // namespace lamina::train
