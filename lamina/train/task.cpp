#include "lamina/train/task.h"

#include "lamina/core/error.h"
#include "lamina/nn/auxiliary.h"
#include "lamina/nn/lengths.h"
#include "lamina/ops/movement.h"
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
  const bool lengths = index > 0 && index < batch.size() && batch[index].dtype() == DType::i32;
  if (index < batch.size() && !lengths) return batch[index];
  throw Error("task", std::string("the batch has no ") + what + ": expected {input, target}, got " +
                          std::to_string(batch.size()) + " fields")
      .hint("a data set without targets can be predicted, not trained on or evaluated");
}

}  // namespace

Supervised::Supervised(const nn::Layer& net, LossFn loss, std::vector<metrics::MetricPtr> metrics)
    : net_(copy_of(net)), loss_(std::move(loss)), metrics_(std::move(metrics)) {}

/// The network's main output; `auxiliary`, unless null, receives the others with their weights.
Tensor Supervised::outputs(const data::Batch& batch, std::vector<std::pair<Tensor, double>>* auxiliary) {
  const Tensor &input = field(batch, 0, "input"), lengths = data::lengths_of(batch);
  const nn::LengthsScope scope(lengths, lengths.defined() ? input.size(1) : 0);
  const bool of_steps = lengths.defined() && batch[1].dtype() == DType::i64 && batch[1].rank() == 2;
  const auto classes_first = [&](const Tensor& y) { return of_steps && y.rank() == 3 ? transpose(y, 1, 2) : y; };
  auto* several = auxiliary ? dynamic_cast<nn::AuxiliaryLayer*>(net_.get()) : nullptr;
  if (!several) return classes_first((*net_)(input));
  const nn::Outputs all = several->outputs(input);
  for (const nn::Outputs::Auxiliary& a : all.auxiliary) auxiliary->emplace_back(classes_first(a.output), a.weight);
  return classes_first(all.main);
}

Tensor Supervised::loss(const data::Batch& batch) {
  std::vector<std::pair<Tensor, double>> auxiliary;
  const Tensor &target = field(batch, 1, "target"), main = outputs(batch, &auxiliary);
  Tensor total = loss_(main, target);
  for (const auto& [output, weight] : auxiliary) total = total + loss_(output, target) * weight;
  return total;
}

Tensor Supervised::predict(const data::Batch& batch) { return outputs(batch, nullptr); }

}  // namespace lamina::train
