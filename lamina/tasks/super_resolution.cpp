// Super-resolution: a picture from one a half or a third as large.
#include "lamina/core/error.h"
#include "lamina/data/image_ops.h"
#include "lamina/metrics/metrics.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/tasks/pictures.h"

namespace lamina::tasks {

namespace {

using data::image::Sampling;

/// [.., h, w] → [.., scale·h, scale·w], in [0, 1].
Tensor enlarged(const Tensor& low, int64_t scale, Sampling sampling) {
  const Tensor packed = contiguous(low);
  return cut(data::image::resize(packed, scale * packed.size(-2), scale * packed.size(-1), sampling));
}

/// {picture, …} → {picture made smaller, picture cut on the right and below to a multiple of `scale`}. The small one
/// has the 256 levels that a file would have.
class SmallInput final : public data::Transform {
 public:
  explicit SmallInput(int64_t scale) : scale_(scale) {}
  std::string name() const override { return "small input"; }
  void apply(data::Example& example, Philox&) const override {
    const Tensor& picture = example.at(0);
    const int64_t height = picture.size(1) / scale_, width = picture.size(2) / scale_;
    if (height < 1 || width < 1) {
      throw Error("super_resolution", "the picture " + picture.shape().str() + " is smaller than " +
                                          std::to_string(scale_) + "×" + std::to_string(scale_) + " pixels");
    }
    const Tensor whole = contiguous(slice(slice(picture, 1, 0, height * scale_), 2, 0, width * scale_));
    const Tensor small = cut(data::image::resize(whole, height, width, Sampling::bicubic, true));
    example = {round(small * 255.0) / 255.0, whole};
  }

 private:
  int64_t scale_;
};

struct SuperResolutionOptions {
  int64_t scale = 2;    // 2 or 3
  int64_t patches = 1;  // times that each picture comes in an epoch, for random crops
  LAMINA_OPTIONS(scale, patches)
};

class SuperResolution final : public PictureKind {
 public:
  explicit SuperResolution(const SuperResolutionOptions& o) : PictureKind(o.patches), scale_(o.scale) {
    if (o.scale != 2 && o.scale != 3) {
      throw Error("super_resolution", "scale must be 2 or 3, got " + std::to_string(o.scale));
    }
  }
  std::string default_metrics() const override { return "[psnr, bicubic_psnr, psnr_gain, ssim, bicubic_ssim]"; }
  data::Transforms preparation() const override { return {std::make_shared<SmallInput>(scale_)}; }
  std::string row_names() const override { return "input, enlarged bicubically, output, truth"; }

  std::vector<Tensor> row(const Tensor& input, const Tensor& output, const Tensor& target) const override {
    return {enlarged(input, scale_, Sampling::nearest), enlarged(input, scale_, Sampling::bicubic), cut(output),
            target};
  }

 protected:
  std::vector<std::string> own_metrics() const override { return {"bicubic_psnr", "bicubic_ssim", "psnr_gain"}; }
  metrics::MetricPtr own_metric(const std::string& name) const override {
    const auto bicubic = [s = scale_](const Tensors& batch) { return enlarged(batch.at(0), s, Sampling::bicubic); };
    if (name == "bicubic_psnr") return of_baseline(name, metrics::psnr(), bicubic);
    if (name == "bicubic_ssim") return of_baseline(name, metrics::ssim(), bicubic);
    if (name == "psnr_gain") return gain(name, make_metric("psnr", {}), own_metric("bicubic_psnr"));
    return nullptr;
  }
  int64_t scale() const override { return scale_; }

 private:
  int64_t scale_;
};

}  // namespace

std::unique_ptr<TaskKind> make_super_resolution(FieldVisitor& visitor, const data::DatasetInfo&) {
  SuperResolutionOptions options;
  options.visit(visitor);
  return std::make_unique<SuperResolution>(options);
}

}  // namespace lamina::tasks
