// Capture: the very code that runs eagerly, recorded once as a graph, compiled, and replayed
// without dispatch or allocation.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lamina/core/error.h"
#include "lamina/engine/variable.h"
#include "lamina/tensor/tensor.h"

namespace lamina::graph {

/// Thrown where a captured function reads a variable that is not in its state.
class UnlistedVariable : public Error {
 public:
  explicit UnlistedVariable(const Meta& variable);
};

struct CaptureOptions {
  int max_plans = 16;                             // plans kept, one per combination of input shapes and dtypes
  std::vector<std::string> disabled_passes = {};  // by name: see passes()
  bool recompute = false;  // make values again instead of keeping them: see docs/how-capture-works.md
  bool compile = true;     // false: run eagerly, for comparison
};

/// What a plan is, in figures and words.
struct Report {
  int nodes = 0;  // recorded
  int steps = 0;  // kernels after all passes
  int fused_groups = 0;
  int64_t arena_bytes = 0;             // planned peak of intermediate values
  int64_t state_bytes = 0;             // parameters, moments, buffers
  double flops = 0;                    // of one replay
  double bytes_moved = 0;              // read and written by kernels, of one replay
  std::vector<std::string> decisions;  // of passes that weigh one thing against another
  std::vector<std::string> refusals;   // kernels or fusions not used, each with its reason
  std::string graph;                   // one line per kernel
  /// All of it as text.
  std::string str() const;
};

/// A compiled step. Calling it with tensors of new shapes captures anew.
class Captured {
 public:
  using Fn = std::function<Tensors(const Tensors&)>;

  /// `state` are the variables that fn reads and assigns: they become inputs and outputs of the step,
  /// updated in place. Throws Error naming the culprit if fn assigns a variable that is not listed, or
  /// reads a value.
  Captured(Fn fn, std::vector<Variable> state, CaptureOptions options = {});
  ~Captured();
  Captured(Captured&&) noexcept;
  Captured& operator=(Captured&&) noexcept;

  /// The results are valid until the next call.
  const Tensors& operator()(const Tensors& inputs);

  /// Captures and compiles for these inputs without running; then report() tells the memory it will need.
  void prepare(const Tensors& inputs);
  /// Of the plan used last.
  const Report& report() const;
  int plans() const;
  int captures() const;
  /// Intermediate values of all plans that are kept.
  int64_t arena_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Names of the optimisation passes, in order.
std::vector<std::string> passes();
/// Throws Error at `where`, with the nearest name, unless each is the name of a pass.
void check_passes(const std::vector<std::string>& names, const std::string& where);

}  // namespace lamina::graph
