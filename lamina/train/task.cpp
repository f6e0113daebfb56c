#include "lamina/train/task.h"

#include "lamina/core/error.h"
#include "lamina/nn/auxiliary.h"
#include "lamina/ops/pointwise.h"

namespace lamina::train {

namespace {

nn::LayerPtr copy_of(const nn::Layer& net) {
  std::unique_ptr<nn::Module> copy = net.copy();
  auto* layer = dynamic_cast<nn::Layer*>(copy.get());
  if (!layer) throw Error("task", "the copy of " + net.kind() + " is not a layer").hint("does it use LAMINA_FIELDS?");
  static_cast<void>(copy.release());
  return nn::LayerPtr(layer);
}

const Tensor& field(const data::Batch& batch, size_t index, const char* what) {
  if (index < batch.size()) return batch[index];
  throw Error("task", std::string("the batch has no ") + what + ": expected {input, target}, got " +
                          std::to_string(batch.size()) + " fields")
      .hint("a data set without targets can be predicted, not trained on or evaluated");
}

}  // namespace

Supervised::Supervised(const nn::Layer& net, LossFn loss, std::vector<metrics::MetricPtr> metrics)
    : net_(copy_of(net)), loss_(std::move(loss)), metrics_(std::move(metrics)) {}

Tensor Supervised::loss(const data::Batch& batch) {
  const Tensor &input = field(batch, 0, "input"), &target = field(batch, 1, "target");
  auto* several = dynamic_cast<nn::AuxiliaryLayer*>(net_.get());
  if (!several) return loss_((*net_)(input), target);
  const nn::Outputs outputs = several->outputs(input);
  Tensor total = loss_(outputs.main, target);
  for (const nn::Outputs::Auxiliary& a : outputs.auxiliary) total = total + loss_(a.output, target) * a.weight;
  return total;
}

Tensor Supervised::predict(const data::Batch& batch) { return (*net_)(field(batch, 0, "input")); }

}  // namespace lamina::train
