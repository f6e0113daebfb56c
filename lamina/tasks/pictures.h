// What tasks share that make pictures out of pictures: reconstruction, denoising, colourisation, enlarging.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lamina/tasks/kind.h"

namespace lamina::tasks {

/// The picture in a file with so many channels (1 or 3), u8 [channels, h, w]. `invert`: white becomes black.
Tensor read_picture(const std::string& file, int64_t channels, bool invert);
/// An input after a transform that draws no random numbers.
Tensor transformed(const data::Transform& transform, const Tensor& input);

/// A task whose network makes a picture f32 [c', s·h, s·w] from a picture f32 [c, h, w], both with values in [0, 1]
/// unless the task says otherwise. What the recipe's transforms leave must be such a picture.
class PictureKind : public TaskKind {
 public:
  /// `patches`: how often each training picture comes in an epoch, for transforms that crop at random.
  explicit PictureKind(int64_t patches = 1);
  data::DatasetPtr view(const data::DatasetPtr& part, bool training) const override;
  /// Checks rank, channels and range of a few examples.
  void fit(const data::Dataset& train, const data::Transforms& transforms) override;
  std::string state() const override;
  void load_state(const std::string& json) override;
  bool learns_targets() const override { return false; }
  int64_t outputs(const data::Example& prepared, const data::DatasetInfo& info) const override;
  std::string default_loss() const override { return "mse"; }
  /// own_metrics(), and of outputs cut to [0, 1] psnr, ssim, mse.
  metrics::MetricPtr make_metric(const std::string& name, const data::DatasetInfo& info) const override;
  std::unique_ptr<train::Task> assemble(const nn::Layer& net, const LossFn& loss,
                                        std::vector<metrics::MetricPtr> metrics, const Facts& facts) const override;
  /// Pictures of any size with the same channels.
  void check_same(const Run& run, const data::DatasetInfo& other) const override;
  /// Pictures of any size that the network takes; others are extended on the right and below, by repeating their last
  /// pixels, to the next multiple of 2, 4, … 64 that it takes, and the result is cut. Networks for one size get them
  /// resized. Transforms that change the size are left out.
  std::vector<Prediction> predict(const Run& run, const std::vector<std::string>& files,
                                  const PredictOptions& options) const override;
  bool makes_pictures() const override { return true; }

  // Of one example, for the report: pictures f32 [1 or 3, h, w].

  /// What people see: the input, the picture that the network made, the true one.
  virtual std::vector<Tensor> row(const Tensor& input, const Tensor& output, const Tensor& target) const;
  /// "input, output, truth": what the rows are.
  virtual std::string row_names() const { return "input, output, truth"; }

 protected:
  /// By name, a metric of the task alone; null where there is none of that name.
  virtual metrics::MetricPtr own_metric(const std::string& name) const;
  virtual std::vector<std::string> own_metrics() const { return {}; }
  /// Metrics of pictures in [0, 1] that make sense for the task's outputs.
  virtual std::vector<std::string> general_metrics() const { return {"psnr", "ssim", "mse"}; }
  /// Throws Error where the network makes pictures of another shape than the targets.
  static void check_shapes(const nn::Layer& net, const Facts& facts);
  /// The channels that the task needs, 0: any.
  virtual int64_t channels_needed() const { return 0; }
  /// What the network is given for a picture [c, h, w] in use, where there is no truth.
  virtual Tensor input_of(const Tensor& picture) const { return picture; }
  /// The picture that an output [c', h', w'] stands for.
  virtual Tensor picture_of(const Tensor& input, const Tensor& output) const;
  /// Pixels on a side of the output for each of the input.
  virtual int64_t scale() const { return 1; }

 private:
  Prediction predict_one(nn::Layer& net, const Run& run, const std::string& file, const Tensor& picture) const;
  int64_t patches_;
  int64_t channels_ = 0;  // of pictures after the transforms
};

/// A metric under another name.
metrics::MetricPtr renamed(std::string name, metrics::MetricPtr metric);
/// A metric of what a baseline makes of a batch, instead of the network.
metrics::MetricPtr of_baseline(std::string name, metrics::MetricPtr metric,
                               std::function<Tensor(const Tensors& batch)> baseline);
/// The difference of two metrics, in the sense that more is better.
metrics::MetricPtr gain(std::string name, metrics::MetricPtr metric, metrics::MetricPtr baseline);

/// Pictures f32 cut to [0, 1].
Tensor cut(const Tensor& pictures);

}  // namespace lamina::tasks
