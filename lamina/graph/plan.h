// A compiled step: kernels prepared, memory laid out, ready to be replayed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/engine/backend.h"
#include "lamina/engine/step_timer.h"
#include "lamina/graph/capture.h"
#include "lamina/graph/graph.h"
#include "lamina/graph/memory_plan.h"
#include "lamina/tensor/storage.h"

namespace lamina::graph {

class Plan {
 public:
  /// Compiles a graph as recorded; the arena is allocated at the first run.
  Plan(Graph recorded, const CaptureOptions& options);

  /// Runs every kernel once. Inputs have the metas the graph was recorded for and are contiguous.
  const Tensors& run(const Tensors& inputs);
  const Report& report() const { return report_; }

 private:
  struct Step {
    Kernel* kernel;
    void** in;
    void** out;
    void* workspace;
  };
  /// A place in pointers_ that follows a tensor which may move.
  struct Patch {
    size_t pointer;
    int64_t bytes;  // from the tensor's first byte
  };

  void prepare_kernels();
  void count_work();
  void allocate();
  void resolve(int value, size_t pointer);
  void bind_state();
  void bind_outputs();
  void refresh_invariants();
  void run_steps();
  void run_timed(StepTimer& timer);
  uint64_t constant_inputs(const Node& n) const;

  Graph graph_;
  MemoryPlan memory_;
  Report report_;
  std::vector<std::unique_ptr<Kernel>> kernels_;  // per node; null for views
  std::vector<Step> steps_;
  std::vector<StepInfo> infos_;  // of each step
  std::vector<void*> pointers_;  // arguments of all steps
  std::vector<std::vector<Patch>> input_patches_, state_patches_, output_patches_;
  std::vector<void*> bound_state_;
  std::vector<size_t> unchanging_state_;  // numbers of the variables that the step only reads
  std::vector<uint64_t> seen_versions_;   // of those
  size_t invariant_steps_ = 0;            // leading steps that run only when such a variable has changed
  Tensors outputs_;
  std::shared_ptr<Storage> arena_;
};

}  // namespace lamina::graph
