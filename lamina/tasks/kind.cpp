// What tasks do unless they say otherwise.
#include "lamina/tasks/kind.h"

#include "lamina/core/error.h"
#include "lamina/tasks/experiment.h"

namespace lamina::tasks {

using recipe::Setting;

data::DatasetPtr TaskKind::view(const data::DatasetPtr& part, bool) const { return part; }

void TaskKind::fit(const data::Dataset&, const data::Transforms&) {}

int64_t TaskKind::outputs(const data::Example&, const data::DatasetInfo& info) const { return info.outputs(); }

metrics::MetricPtr TaskKind::make_metric(const std::string& name, const data::DatasetInfo& info) const {
  return metrics::make_metric(name, info.classes);
}

std::unique_ptr<train::Task> TaskKind::assemble(const nn::Layer& net, const LossFn& loss,
                                                std::vector<metrics::MetricPtr> metrics, const Facts&) const {
  return std::make_unique<train::Supervised>(net, loss, std::move(metrics));
}

std::unique_ptr<train::Task> TaskKind::make_task(const Setting& recipe, const Facts& facts, Setting& resolved) const {
  const nn::LayerPtr net = make_network(recipe, facts.model_input(), &resolved.field("model"));
  const LossFn loss = make_loss(recipe, *this, resolved);
  return assemble(*net, loss, make_metrics(recipe, *this, facts, resolved), facts);
}

void TaskKind::check_same(const Run& run, const data::DatasetInfo& other) const {
  const data::DatasetInfo& trained = run.facts.info;
  const data::Transforms transforms = eval_transforms(run.recipe, run.facts);
  if (other.input != trained.input && data::output_shape(transforms, other.input) != run.facts.input) {
    throw Error(other.name,
                "its inputs have shape " + other.input.str() + ", the network was trained on " + trained.input.str())
        .hint("a resize transform in the recipe lets a network take images of any size");
  }
  if (other.target != trained.target) {
    throw Error(other.name,
                "its targets are " + name_of(other.target) + ", the network was trained on " + name_of(trained.target));
  }
  if (other.outputs() != trained.outputs()) {
    throw Error(other.name, "it has " + std::to_string(other.outputs()) + " classes, the network was trained on " +
                                std::to_string(trained.outputs()));
  }
}

}  // namespace lamina::tasks
