#include "lamina/graph/capture.h"

#include <cstdio>
#include <list>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/engine/dispatch.h"
#include "lamina/graph/plan.h"
#include "lamina/graph/recorder.h"

namespace lamina::graph {

struct Captured::Impl {
  struct Key {
    Metas inputs;
    int threads;
    bool operator==(const Key&) const = default;
  };
  struct Entry {
    Key key;
    Plan plan;
  };

  Fn fn;
  std::vector<Variable> state;
  CaptureOptions options;
  std::list<Entry> plans;  // the one used last first
  int captures = 0;
  Tensors eager_results, contiguous_inputs;
  Report eager_report;

  Plan& plan_for(const Tensors& inputs) {
    for (auto it = plans.begin(); it != plans.end(); ++it) {
      if (!matches(it->key, inputs)) continue;
      if (it != plans.begin()) plans.splice(plans.begin(), plans, it);
      return plans.front().plan;
    }
    Key key{{}, num_threads()};
    for (const Tensor& t : inputs) key.inputs.emplace_back(t.dtype(), t.shape());
    ++captures;
    Plan plan(record(fn, key.inputs, state), options);
    plans.push_front({std::move(key), std::move(plan)});
    if (plans.size() > static_cast<size_t>(options.max_plans)) plans.pop_back();
    return plans.front().plan;
  }

  static bool matches(const Key& key, const Tensors& inputs) {
    if (key.inputs.size() != inputs.size() || key.threads != num_threads()) return false;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (key.inputs[i].dtype != inputs[i].dtype() || key.inputs[i].shape != inputs[i].shape()) return false;
    }
    return true;
  }

  const Tensors& made_contiguous(const Tensors& inputs) {
    bool all = true;
    for (const Tensor& t : inputs) all = all && t.is_contiguous();
    if (all) return inputs;
    contiguous_inputs = inputs;
    for (Tensor& t : contiguous_inputs) {
      if (!t.is_contiguous()) t = dispatch1(OpId::contiguous, {t});
    }
    return contiguous_inputs;
  }
};

Captured::Captured(Fn fn, std::vector<Variable> state, CaptureOptions options) : impl_(std::make_unique<Impl>()) {
  if (options.max_plans < 1)
    throw Error("capture", "max_plans must be 1 or more, got " + std::to_string(options.max_plans));
  impl_->fn = std::move(fn);
  impl_->state = std::move(state);
  impl_->options = std::move(options);
}

Captured::~Captured() = default;
Captured::Captured(Captured&&) noexcept = default;
Captured& Captured::operator=(Captured&&) noexcept = default;

const Tensors& Captured::operator()(const Tensors& inputs) {
  if (!impl_->options.compile) return impl_->eager_results = impl_->fn(inputs);
  const Tensors& ready = impl_->made_contiguous(inputs);
  return impl_->plan_for(ready).run(ready);
}

void Captured::prepare(const Tensors& inputs) {
  if (impl_->options.compile) impl_->plan_for(impl_->made_contiguous(inputs));
}

const Report& Captured::report() const {
  return impl_->plans.empty() ? impl_->eager_report : impl_->plans.front().plan.report();
}

int Captured::plans() const { return static_cast<int>(impl_->plans.size()); }
int Captured::captures() const { return impl_->captures; }

int64_t Captured::arena_bytes() const {
  int64_t bytes = 0;
  for (const Impl::Entry& e : impl_->plans) bytes += e.plan.report().arena_bytes;
  return bytes;
}

std::string Report::str() const {
  char line[256];
  std::snprintf(line, sizeof line,
                "%d nodes recorded, %d kernels to run, %d fused groups\n"
                "%.2f MiB planned for intermediate values, %.2f MiB of state\n"
                "%.4g GFLOP and %.4g MiB moved a step\n",
                nodes, steps, fused_groups, static_cast<double>(arena_bytes) / 0x1p20,
                static_cast<double>(state_bytes) / 0x1p20, flops / 1e9, bytes_moved / 0x1p20);
  std::string text = line + graph;
  for (const std::string& d : decisions) text += d + "\n";
  for (const std::string& r : refusals) text += "refused: " + r + "\n";
  return text;
}

}  // namespace lamina::graph
