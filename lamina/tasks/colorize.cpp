// Colourisation: the colours of a picture from its lightness, in CIE L*a*b* (Zhang, Isola and Efros, "Colorful image
// colorization", 2016, with a regression of a and b in place of their classes).
#include "lamina/core/error.h"
#include "lamina/data/cielab.h"
#include "lamina/metrics/metrics.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/tasks/pictures.h"

namespace lamina::tasks {

namespace {

// What L, a and b are divided by, so that the network sees and makes numbers of about 1.
constexpr double kLightness = 100, kColour = 128;

Tensor lightness_of(const Tensor& lab) { return slice(lab, 0, 0, 1) / kLightness; }

/// {rgb, …} → {L/100 [1, h, w], (a, b)/128 [2, h, w]}.
class SplitLab final : public data::Transform {
 public:
  std::string name() const override { return "lab"; }
  void apply(data::Example& example, Philox&) const override {
    const Tensor lab = data::image::lab_from_rgb(example.at(0));
    example = {contiguous(lightness_of(lab)), contiguous(slice(lab, 0, 1, 3) / kColour)};
  }
};

struct ColorizeOptions {
  int64_t patches = 1;
  LAMINA_OPTIONS(patches)
};

class Colorize final : public PictureKind {
 public:
  explicit Colorize(const ColorizeOptions& o) : PictureKind(o.patches) {}
  std::string default_metrics() const override { return "[ab_mse, grey_ab_mse, ab_gain]"; }
  data::Transforms preparation() const override { return {std::make_shared<SplitLab>()}; }
  std::string row_names() const override { return "input, output, truth"; }

  std::vector<Tensor> row(const Tensor& input, const Tensor& output, const Tensor& target) const override {
    return {picture_of(input, zeros_like(target)), picture_of(input, output), picture_of(input, target)};
  }

 protected:
  int64_t channels_needed() const override { return 3; }
  std::vector<std::string> general_metrics() const override { return {}; }  // they compare pictures in [0, 1]
  std::vector<std::string> own_metrics() const override { return {"ab_mse", "grey_ab_mse", "ab_gain"}; }

  metrics::MetricPtr own_metric(const std::string& name) const override {
    const auto grey = [](const Tensors& batch) { return zeros_like(batch.at(1)); };
    if (name == "ab_mse") return renamed(name, metrics::picture_mse(kColour));
    if (name == "grey_ab_mse") return of_baseline(name, metrics::picture_mse(kColour), grey);
    if (name == "ab_gain") return gain(name, own_metric("ab_mse"), own_metric("grey_ab_mse"));
    return nullptr;
  }

  Tensor input_of(const Tensor& picture) const override {
    return contiguous(lightness_of(data::image::lab_from_rgb(picture)));
  }
  Tensor picture_of(const Tensor& input, const Tensor& output) const override {
    return data::image::rgb_from_lab(contiguous(concat({input * kLightness, output * kColour}, 0)));
  }
};

}  // namespace

std::unique_ptr<TaskKind> make_colorize(FieldVisitor& visitor, const data::DatasetInfo&) {
  ColorizeOptions options;
  options.visit(visitor);
  return std::make_unique<Colorize>(options);
}

}  // namespace lamina::tasks
