// What `lamina train` prints about the compiled step.
#pragma once

#include <string>

#include "lamina/train/callback.h"

namespace lamina::cli {

/// One line before the first step: the memory that it will need.
train::CallbackPtr print_memory();
/// The report of the compiled step, before the first one.
train::CallbackPtr print_step();
/// Rates after each epoch; after some steps where their time went, node by node, as a table and as
/// run_dir/profile.json.
train::CallbackPtr profile_steps(const std::string& run_dir);

}  // namespace lamina::cli
