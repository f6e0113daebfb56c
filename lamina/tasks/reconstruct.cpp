// Reconstruction and denoising: the target is the picture itself.
#include "lamina/core/error.h"
#include "lamina/metrics/metrics.h"
#include "lamina/tasks/pictures.h"

namespace lamina::tasks {

namespace {

/// {picture, …} → {picture + σ·noise, picture}.
class NoisyInput final : public data::Transform {
 public:
  NoisyInput(double sigma, bool clip) : sigma_(sigma), clip_(clip) {}
  std::string name() const override { return "noisy input"; }
  void apply(data::Example& example, Philox& random) const override {
    const Tensor picture = example.at(0);
    example = {picture, picture};
    if (sigma_ == 0) return;
    std::vector<float> values = picture.floats();
    for (float& v : values) {
      v += static_cast<float>(sigma_ * random.normal());
      if (clip_) v = std::min(std::max(v, 0.0F), 1.0F);
    }
    example[0] = Tensor::from(values, picture.shape());
  }

 private:
  double sigma_;
  bool clip_;
};

class Reconstruct final : public PictureKind {
 public:
  std::string default_metrics() const override { return "[psnr, mse]"; }
  data::Transforms preparation() const override { return {std::make_shared<NoisyInput>(0, false)}; }
};

struct DenoiseOptions {
  double sigma = 0.5;  // standard deviation of the noise, of pixels in [0, 1]
  bool clip = true;    // the noisy picture is cut to [0, 1], as a camera or a file would
  LAMINA_OPTIONS(sigma, clip)
};

class Denoise final : public PictureKind {
 public:
  explicit Denoise(const DenoiseOptions& o) : options_(o) {
    if (!(o.sigma > 0)) throw Error("denoise", "sigma must be above 0, got " + std::to_string(o.sigma));
  }
  std::string default_metrics() const override { return "[psnr, input_psnr, psnr_gain]"; }
  data::Transforms preparation() const override {
    return {std::make_shared<NoisyInput>(options_.sigma, options_.clip)};
  }

 protected:
  std::vector<std::string> own_metrics() const override { return {"input_psnr", "input_ssim", "psnr_gain"}; }
  metrics::MetricPtr own_metric(const std::string& name) const override {
    const auto input = [](const Tensors& batch) { return batch.at(0); };
    if (name == "input_psnr") return of_baseline(name, metrics::psnr(), input);
    if (name == "input_ssim") return of_baseline(name, metrics::ssim(), input);
    if (name != "psnr_gain") return nullptr;
    return gain(name, make_metric("psnr", {}), of_baseline("input_psnr", metrics::psnr(), input));
  }

 private:
  DenoiseOptions options_;
};

}  // namespace

std::unique_ptr<TaskKind> make_reconstruct(FieldVisitor&, const data::DatasetInfo&) {
  return std::make_unique<Reconstruct>();
}

std::unique_ptr<TaskKind> make_denoise(FieldVisitor& visitor, const data::DatasetInfo&) {
  DenoiseOptions options;
  options.visit(visitor);
  return std::make_unique<Denoise>(options);
}

}  // namespace lamina::tasks
