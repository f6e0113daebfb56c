#include "bench/overhead.h"

#include <algorithm>
#include <chrono>

#include "lamina/engine/backend.h"
#include "lamina/graph/capture.h"
#include "lamina/ops/ops.h"

namespace lamina::bench {

namespace {

class NothingKernel final : public Kernel {
 public:
  void run(void* const*, void* const*, void*) override {}
};

class NothingBackend final : public Backend {
 public:
  std::string_view name() const override { return "nothing"; }
  KernelChoice prepare(const KernelRequest&) const override { return std::make_unique<NothingKernel>(); }
};

}  // namespace

double measure_replay_overhead() {
  constexpr int kNodes = 2000, kCalls = 200, kAttempts = 20;
  const Tensor x = ones({4});
  const std::vector<const Backend*> usual = backends();
  const NothingBackend nothing;
  set_backends({&nothing});
  double best = 0;
  {
    // Fusion would make it one node.
    graph::Captured step(
        [](const Tensors& in) {
          Tensor y = in[0];
          for (int i = 0; i < kNodes; ++i) y = tanh(y);
          return Tensors{y};
        },
        {}, {.disabled_passes = {"fuse_pointwise"}});
    step({x});
    const Tensors batch{x};
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < kCalls; ++i) step(batch);
      const double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
      const double per_node = ns / kCalls / step.report().steps;
      best = attempt == 0 ? per_node : std::min(best, per_node);
    }
  }
  set_backends(usual);
  return best;
}

}  // namespace lamina::bench
