#include "lamina/tasks/samples.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "lamina/core/error.h"
#include "lamina/data/loader.h"
#include "lamina/tasks/experiment.h"

namespace lamina::tasks {

namespace {

/// What the transforms make of a picture of one value, per channel.
std::vector<float> levels_of(const data::Transforms& transforms, const Shape& shape, double value) {
  const std::vector<double> pixels(static_cast<size_t>(shape.numel()), value);
  const Tensor y = data::apply_all(transforms, {Tensor::from(pixels, shape, DType::u8)}, 0, 0, 0).at(0);
  const std::vector<float> values = y.floats();
  const auto channels = static_cast<size_t>(y.size(y.rank() - 3));
  const size_t plane = values.size() / channels;
  std::vector<float> levels;
  for (size_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (size_t k = 0; k < plane; ++k) sum += values[c * plane + k];
    levels.push_back(static_cast<float>(sum / static_cast<double>(plane)));
  }
  return levels;
}

Tensor picture_of(const float* values, const Shape& shape, const std::vector<float>& black,
                  const std::vector<float>& white) {
  Tensor out = Tensor::empty(shape, DType::u8);
  auto* to = out.mutable_data<uint8_t>();
  const int64_t plane = shape[1] * shape[2];
  for (int64_t i = 0; i < shape.numel(); ++i) {
    const auto c = static_cast<size_t>(i / plane) % black.size();
    const float range = white[c] - black[c];
    const float level = range == 0 ? 0 : (values[i] - black[c]) / range;
    to[i] = static_cast<uint8_t>(std::lround(255 * std::clamp(level, 0.0F, 1.0F)));
  }
  return out;
}

std::string label_of(const data::DatasetInfo& info, const Tensor& target, int64_t row) {
  const auto name = [&](size_t id) { return id < info.classes.size() ? info.classes[id] : std::to_string(id); };
  if (target.rank() == 1 && target.dtype() == DType::i64)
    return name(static_cast<size_t>(target.ints().at(static_cast<size_t>(row))));
  const int64_t width = target.numel() / target.size(0);
  const std::vector<float> values = target.floats();
  std::string text;
  for (int64_t k = 0; k < width; ++k) {
    const float v = values[static_cast<size_t>(row * width + k)];
    if (v == 0) continue;
    char share[16] = "";
    if (v != 1) std::snprintf(share, sizeof share, " %.0f%%", 100 * static_cast<double>(v));
    text += (text.empty() ? "" : ", ") + name(static_cast<size_t>(k)) + share;
  }
  return text;
}

}  // namespace

Samples training_samples(const recipe::Setting& recipe, int64_t count) {
  if (count < 1) throw Error("--count", "expected 1 or more, got " + std::to_string(count));
  recipe::Setting resolved;
  const DataParts parts = open_data(recipe, resolved);
  const data::DatasetInfo& info = parts.facts.info;
  if (info.input.rank() != 3) {
    throw Error(info.name, "its inputs are " + info.input.str() + ", not pictures").hint("there is nothing to show");
  }
  const std::vector<float> black = levels_of(parts.eval_transforms, info.input, 0),
                           white = levels_of(parts.eval_transforms, info.input, 255);
  data::LoaderOptions order;
  order.batch = std::min(count, parts.train->size());
  order.shuffle = true;
  order.seed = make_plan(recipe, parts.facts, resolved).options.seed;
  data::Loader loader(parts.train, parts.train_transforms, order);
  loader.start(0);
  Samples samples;
  samples.notes = info.notes;
  for (data::Batch batch; static_cast<int64_t>(samples.pictures.size()) < count && loader.next(batch);) {
    const Tensor& x = batch.at(0);
    const Shape one{x.size(1), x.size(2), x.size(3)};
    const std::vector<float> values = x.floats();
    for (int64_t i = 0; i < x.size(0) && static_cast<int64_t>(samples.pictures.size()) < count; ++i) {
      samples.pictures.push_back(picture_of(values.data() + i * one.numel(), one, black, white));
      samples.labels.push_back(batch.size() > 1 ? label_of(info, batch[1], i) : "");
    }
  }
  return samples;
}

}  // namespace lamina::tasks
