#include "lamina/tasks/pictures.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/data/transforms.h"
#include "lamina/engine/tape.h"
#include "lamina/io/image.h"
#include "lamina/metrics/metrics.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/report/grid.h"
#include "lamina/train/run_report.h"
#include "lamina/train/trainer.h"

namespace lamina::tasks {

namespace {

Tensor inverted(const Tensor& image) {
  const auto* from = image.data<uint8_t>();
  Tensor out = Tensor::empty(image.shape(), DType::u8);
  auto* to = out.mutable_data<uint8_t>();
  for (int64_t i = 0; i < image.numel(); ++i) to[i] = static_cast<uint8_t>(255 - from[i]);
  return out;
}

/// Example i of a batch.
Tensor one_of(const Tensor& batch, int64_t i) { return contiguous(select(batch, 0, i)); }

/// A network from pictures to pictures with its loss. The report shows what it makes of some examples.
class PictureTask final : public train::Task {
 public:
  PictureTask(const nn::Layer& net, const LossFn& loss, std::vector<metrics::MetricPtr> metrics,
              std::shared_ptr<const PictureKind> kind)
      : learner_(net, loss, std::move(metrics)), kind_(std::move(kind)) {}
  nn::Module& module() override { return learner_.module(); }
  Tensor loss(const data::Batch& batch) override { return learner_.loss(batch); }
  Tensor predict(const data::Batch& batch) override { return learner_.predict(batch); }
  const std::vector<metrics::MetricPtr>& metrics() const override { return learner_.metrics(); }

  void add_results(report::Report& page, const train::Results& results, train::Trainer& trainer,
                   const data::DatasetPtr& set) override {
    train::add_headline(page, results);
    page.figures.push_back(examples_of(trainer, set));
  }

 private:
  report::Figure examples_of(train::Trainer& trainer, const data::DatasetPtr& set) const {
    constexpr int64_t kWidth = 1000, kEnlargedTo = 84, kGap = 4;
    const int64_t width = trainer.examples(data::subset(set, {0}))[1].size(3);
    const int64_t enlarge = std::max<int64_t>(1, kEnlargedTo / width);
    const int64_t n = std::min(set->size(), std::clamp<int64_t>(kWidth / (width * enlarge + kGap), 3, 12));
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < n; ++i) indices.push_back(i * set->size() / n);
    const data::DatasetPtr chosen = data::subset(set, indices);
    const data::Batch batch = trainer.examples(chosen);
    const Tensor outputs = trainer.predict(chosen);
    std::vector<std::vector<Tensor>> rows;
    for (int64_t i = 0; i < n; ++i) {
      const std::vector<Tensor> column = kind_->row(one_of(batch[0], i), one_of(outputs, i), one_of(batch[1], i));
      rows.resize(column.size());
      for (size_t r = 0; r < column.size(); ++r) rows[r].push_back(report::to_bytes(column[r]));
    }
    const Tensor picture = report::grid(rows, {.enlarge = enlarge, .gap = kGap});
    return {"pictures.png", io::encode_png(picture), "Examples", "Rows: " + kind_->row_names() + "."};
  }

  train::Supervised learner_;
  std::shared_ptr<const PictureKind> kind_;
};

/// Another metric by another name.
class Renamed : public metrics::Metric {
 public:
  Renamed(std::string name, metrics::MetricPtr metric) : name_(std::move(name)), metric_(std::move(metric)) {}
  std::string name() const override { return name_; }
  bool higher_is_better() const override { return metric_->higher_is_better(); }
  void reset() override { metric_->reset(); }
  void update(const Tensor& predictions, const Tensor& targets) override { metric_->update(predictions, targets); }
  double value() const override { return metric_->value(); }

 protected:
  metrics::Metric& metric() { return *metric_; }

 private:
  std::string name_;
  metrics::MetricPtr metric_;
};

/// Of predictions cut to [0, 1].
class OfCut final : public Renamed {
 public:
  using Renamed::Renamed;
  void update(const Tensor& predictions, const Tensor& targets) override { metric().update(cut(predictions), targets); }
};

class OfBaseline final : public Renamed {
 public:
  OfBaseline(std::string name, metrics::MetricPtr metric, std::function<Tensor(const Tensors&)> baseline)
      : Renamed(std::move(name), std::move(metric)), baseline_(std::move(baseline)) {}
  void update_batch(const Tensor&, const Tensors& batch) override { metric().update(baseline_(batch), batch.at(1)); }

 private:
  std::function<Tensor(const Tensors&)> baseline_;
};

class Gain final : public metrics::Metric {
 public:
  Gain(std::string name, metrics::MetricPtr metric, metrics::MetricPtr baseline)
      : name_(std::move(name)), metric_(std::move(metric)), baseline_(std::move(baseline)) {}
  std::string name() const override { return name_; }
  bool higher_is_better() const override { return true; }
  void reset() override {
    metric_->reset();
    baseline_->reset();
  }
  void update(const Tensor&, const Tensor&) override {
    throw Error(name_, "compares with the input, so it needs the whole batch");
  }
  void update_batch(const Tensor& predictions, const Tensors& batch) override {
    metric_->update_batch(predictions, batch);
    baseline_->update_batch(predictions, batch);
  }
  double value() const override {
    const double more = metric_->value() - baseline_->value();
    return metric_->higher_is_better() ? more : -more;
  }

 private:
  std::string name_;
  metrics::MetricPtr metric_, baseline_;
};

Shape with_batch(Shape shape) {
  shape.insert(0, 1);
  return shape;
}

/// Larger on the right and below, repeating the last column and row.
Tensor extended(const Tensor& picture, int64_t height, int64_t width) {
  const int64_t channels = picture.size(0), h = picture.size(1), w = picture.size(2);
  Tensor out = Tensor::empty({channels, height, width}, DType::f32);
  const Tensor packed = contiguous(picture);
  const auto* from = packed.data<float>();
  auto* to = out.mutable_data<float>();
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t y = 0; y < height; ++y) {
      const float* row = from + (c * h + std::min(y, h - 1)) * w;
      for (int64_t x = 0; x < width; ++x) *to++ = row[std::min(x, w - 1)];
    }
  }
  return out;
}

/// Does the network make a picture `scale` times as large out of one of that shape?
bool takes(const nn::Layer& net, const Shape& input, int64_t scale) {
  try {
    const Shape out = models::output_shape(net, input);
    return out.rank() == 3 && out[1] == scale * input[1] && out[2] == scale * input[2];
  } catch (const Error&) {
    return false;
  }
}

/// The next size that the network takes, the picture's own where it does; empty where there is none.
Shape size_for(const nn::Layer& net, const Shape& input, int64_t scale) {
  constexpr int64_t kLargestMultiple = 64;
  for (int64_t m = 1; m <= kLargestMultiple; m *= 2) {
    const Shape rounded{input[0], (input[1] + m - 1) / m * m, (input[2] + m - 1) / m * m};
    if (takes(net, rounded, scale)) return rounded;
  }
  return {};
}

}  // namespace

Tensor read_picture(const std::string& file, int64_t channels, bool invert) {
  Tensor picture = io::decode_image(file);
  if (invert) picture = inverted(picture);
  if (picture.size(0) == channels) return picture;
  return transformed(*data::transforms::grayscale({.channels = channels}), picture);
}

Tensor transformed(const data::Transform& transform, const Tensor& input) {
  Philox random(0);
  data::Example example{input};
  transform.apply(example, random);
  return example[0];
}

Tensor cut(const Tensor& pictures) { return clamp(pictures, 0, 1); }

metrics::MetricPtr renamed(std::string name, metrics::MetricPtr metric) {
  return std::make_shared<Renamed>(std::move(name), std::move(metric));
}

metrics::MetricPtr of_baseline(std::string name, metrics::MetricPtr metric,
                               std::function<Tensor(const Tensors&)> baseline) {
  return std::make_shared<OfBaseline>(std::move(name), std::move(metric), std::move(baseline));
}

metrics::MetricPtr gain(std::string name, metrics::MetricPtr metric, metrics::MetricPtr baseline) {
  return std::make_shared<Gain>(std::move(name), std::move(metric), std::move(baseline));
}

PictureKind::PictureKind(int64_t patches) : patches_(patches) {
  if (patches < 1) throw Error("task", "patches must be 1 or more, got " + std::to_string(patches));
}

data::DatasetPtr PictureKind::view(const data::DatasetPtr& part, bool training) const {
  if (!training || patches_ == 1) return part;
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < part->size(); ++i) indices.insert(indices.end(), static_cast<size_t>(patches_), i);
  return data::subset(part, std::move(indices));
}

void PictureKind::fit(const data::Dataset& train, const data::Transforms& transforms) {
  constexpr int64_t kLooked = 8;
  constexpr float kRounding = 1e-3F;
  for (int64_t i = 0; i < std::min(train.size(), kLooked); ++i) {
    const int64_t index = i * train.size() / std::min(train.size(), kLooked);
    const Tensor x = data::apply_all(transforms, train.get(index), 0, 0, index)[0];
    if (x.rank() != 3 || x.dtype() != DType::f32) {
      throw Error(train.label(index), "expected a picture f32 [channels, height, width], got " + x.meta().str());
    }
    if (channels_needed() > 0 && x.size(0) != channels_needed()) {
      throw Error(train.label(index), "the task needs pictures of " + std::to_string(channels_needed()) +
                                          " channels, this one has " + std::to_string(x.size(0)))
          .hint(channels_needed() == 3 ? "it needs colour pictures; of a folder of both say data: {channels: 3, …}"
                                       : "put grayscale among the transforms");
    }
    const std::vector<float> values = x.floats();
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    if (*low < -kRounding || *high > 1 + kRounding) {
      throw Error(train.label(index), "the task needs pixels from 0 to 1, after the transforms they are from " +
                                          std::to_string(*low) + " to " + std::to_string(*high))
          .hint("scale alone makes them so: leave normalize and standardize away");
    }
    channels_ = x.size(0);
  }
}

std::string PictureKind::state() const { return nlohmann::json{{"channels", channels_}}.dump(); }

void PictureKind::load_state(const std::string& json) {
  channels_ = nlohmann::json::parse(json).value("channels", int64_t{0});
}

int64_t PictureKind::outputs(const data::Example& prepared, const data::DatasetInfo&) const {
  return prepared.at(1).size(0);
}

metrics::MetricPtr PictureKind::make_metric(const std::string& name, const data::DatasetInfo&) const {
  if (metrics::MetricPtr own = own_metric(name)) return own;
  NameList known;
  for (const std::string& n : own_metrics()) known.add(n);
  for (const std::string& n : general_metrics()) {
    if (n == name) {
      return std::make_shared<OfCut>(name, n == "mse" ? metrics::picture_mse() : metrics::make_metric(name, {}));
    }
    known.add(n);
  }
  const std::string nearest = known.nearest(name);
  throw Error("metric", "this task has no metric \"" + name + "\"")
      .hint((nearest.empty() ? "" : "did you mean \"" + nearest + "\"? ") + "there are: " + known.str());
}

metrics::MetricPtr PictureKind::own_metric(const std::string&) const { return nullptr; }

std::unique_ptr<train::Task> PictureKind::assemble(const nn::Layer& net, const LossFn& loss,
                                                   std::vector<metrics::MetricPtr> metrics, const Facts& facts) const {
  check_shapes(net, facts);
  return std::make_unique<PictureTask>(net, loss, std::move(metrics),
                                       std::static_pointer_cast<const PictureKind>(shared_from_this()));
}

void PictureKind::check_shapes(const nn::Layer& net, const Facts& facts) {
  const Shape made = models::output_shape(net, facts.input);
  if (made != facts.target) {
    throw Error("model",
                "makes " + made.str() + " out of " + facts.input.str() + ", the task wants " + facts.target.str())
        .hint("its last layer needs " + std::to_string(facts.target[0]) +
              " channels; sizes that a network halves must be divisible: crop or resize in the transforms");
  }
}

void PictureKind::check_same(const Run& run, const data::DatasetInfo& other) const {
  const data::DatasetInfo& trained = run.facts.info;
  if (other.input.rank() == 3 && other.input[0] == trained.input[0]) return;
  throw Error(other.name,
              "its inputs have shape " + other.input.str() + ", the network was trained on " + trained.input.str());
}

std::vector<Tensor> PictureKind::row(const Tensor& input, const Tensor& output, const Tensor& target) const {
  return {cut(input), picture_of(input, output), picture_of(input, target)};
}

Tensor PictureKind::picture_of(const Tensor&, const Tensor& output) const { return cut(output); }

Prediction PictureKind::predict_one(nn::Layer& net, const Run& run, const std::string& file,
                                    const Tensor& picture) const {
  Tensor input = input_of(picture);
  Shape size = size_for(net, input.shape(), scale());
  if (size.empty()) {
    const Dims trained{run.facts.input[1], run.facts.input[2]};
    input = input_of(transformed(*data::transforms::resize({.size = trained}), picture));
    size = input.shape();
    if (!takes(net, size, scale())) {
      throw Error(
          file, "the network takes inputs of shape " + run.facts.input.str() + ", this one is " + input.shape().str());
    }
  }
  const NoGrad no_grad;
  const nn::ModeScope eval(nn::Mode::eval);
  Tensor output = net(reshape(extended(input, size[1], size[2]), with_batch(size)));
  output = slice(slice(select(output, 0, 0), 1, 0, input.size(1) * scale()), 2, 0, input.size(2) * scale());
  return {file, {}, report::to_bytes(picture_of(input, contiguous(output)))};
}

std::vector<Prediction> PictureKind::predict(const Run& run, const std::vector<std::string>& files,
                                             const PredictOptions& options) const {
  const data::Transforms transforms = eval_transforms(run.recipe, run.facts);
  const nn::LayerPtr net = trained_network(run);
  std::vector<Prediction> predictions;
  for (const std::string& file : files) {
    Tensor picture = read_picture(file, run.facts.info.input[0], options.invert);
    for (const data::TransformPtr& t : transforms) {
      const Shape after = t->output_shape(picture.shape());
      const bool resizes = after.rank() != 3 || after[1] != picture.size(1) || after[2] != picture.size(2);
      if (!resizes) picture = transformed(*t, picture);
    }
    if (picture.dtype() == DType::u8) picture = cast(picture, DType::f32) / 255.0;
    predictions.push_back(predict_one(*net, run, file, picture));
  }
  return predictions;
}

}  // namespace lamina::tasks
