#include "lamina/tasks/gradient_check.h"

#include <algorithm>

#include "lamina/data/loader.h"
#include "lamina/ops/derivatives.h"
#include "lamina/ops/pointwise.h"
#include "lamina/tasks/experiment.h"

namespace lamina::tasks {

namespace {

/// The first examples of the training part, floating fields as f64.
data::Batch small_batch(const DataParts& data) {
  std::vector<data::Example> examples;
  for (int64_t i = 0; i < std::min<int64_t>(4, data.train->size()); ++i) {
    examples.push_back(data::apply_all(data.eval_transforms, data.train->get(i), 0, 0, i));
  }
  const auto sequences = data::sequences_of(data.eval_transforms, data.train->info());
  data::Batch batch = sequences ? data::collate(examples, *sequences) : data::collate(examples);
  for (Tensor& t : batch) {
    if (is_floating(t.dtype())) t = cast(t, DType::f64);
  }
  return batch;
}

}  // namespace

RecipeGradientCheck check_gradients(const recipe::Setting& recipe) {
  recipe::Setting resolved;
  const DataParts data = open_data(recipe, resolved);
  const Plan plan = make_plan(recipe, data.facts, resolved);
  nn::Module& net = plan.task->module();
  nn::convert(net, DType::f64);
  const data::Batch batch = small_batch(data);
  const nn::ModeScope eval(nn::Mode::eval);
  RecipeGradientCheck all;
  for (const nn::NamedVariable& p : net.named_parameters()) {
    const Variable& v = p.variable;
    const Tensor value = v.value();
    const TensorFn f = [&](const Tensors& in) {
      v.replace(in[0]);
      const Tensor loss = plan.task->loss(batch);
      v.replace(value);
      return loss;
    };
    const GradientCheck check = lamina::check_gradients(f, {value}, {.max_elements = 8});
    ++all.checked;
    all.worst_error = std::max(all.worst_error, check.worst_error);
    if (check.ok) continue;
    all.ok = false;
    all.report += p.name + ": " + check.report + "\n";
  }
  return all;
}

}  // namespace lamina::tasks
