// Transforms of whole batches, the last of a list: mixup, cutmix, progressive_resize.
#include <algorithm>
#include <cmath>

#include "lamina/data/rows_internal.h"
#include "lamina/data/transforms_internal.h"

namespace lamina::data::transforms {

namespace {

/// Gamma(shape, 1) by rejection (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000).
double draw_gamma(double shape, Philox& random) {
  if (shape < 1) return draw_gamma(shape + 1, random) * std::pow(1 - random.uniform(), 1 / shape);
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - random.uniform()) < x * x / 2 + d - d * v + d * std::log(v)) return d * v;
  }
}

double draw_beta(double alpha, Philox& random) {
  const double a = draw_gamma(alpha, random), b = draw_gamma(alpha, random);
  return a + b > 0 ? a / (a + b) : 0.5;
}

/// A transform of batches leaves single examples as they are, but for their targets.
class OfBatches : public Transform {
 public:
  explicit OfBatches(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  bool works_on_batches() const final { return true; }
  bool changes_batches() const final { return true; }
  void apply(Example&, Philox&) const override {}

 protected:
  std::string name_;
};

/// to = share·a + (1 − share)·b.
void blend(const float* a, const float* b, float* to, int64_t n, double share) {
  const auto s = static_cast<float>(share), r = static_cast<float>(1 - share);
  for (int64_t i = 0; i < n; ++i) to[i] = s * a[i] + r * b[i];
}

class Mix : public OfBatches {
 public:
  Mix(std::string name, MixOptions o, double alpha) : OfBatches(std::move(name)), options_(o) {
    if (!(o.alpha >= 0 && o.alpha <= 1e3)) bad_option(name_, "alpha", "a number above 0", std::to_string(o.alpha));
    check_probability(o.probability, name_);
    if (o.alpha == 0) options_.alpha = alpha;
  }
  void fit(const Dataset& train, std::span<const TransformPtr>) override {
    if (train.info().target == TargetKind::none) throw Error(name_, "needs targets, and the data set has none");
    classes_ = train.info().target == TargetKind::classes ? train.info().outputs() : 0;
  }
  void apply(Example& example, Philox&) const final {
    TensorPool fresh(0);
    example.at(1) = shares_of(example.at(1), fresh);
  }
  void change_batch(Batch& batch, Philox& random, int64_t, TensorPool& pool) const final {
    const Tensor& x = batch.at(0);
    if (x.dtype() != DType::f32) {
      throw Error(name_, "expected f32, got " + x.meta().str()).hint("put scale or normalize before it");
    }
    batch.at(1) = shares_of(batch.at(1), pool);
    if (options_.probability < 1 && random.uniform() >= options_.probability) return;
    double share = draw_beta(options_.alpha, random);
    batch[0] = mix(x, share, random, pool);
    batch[1] = blended(batch[1], share, pool);
  }

 protected:
  /// The inputs mixed; `share` becomes what is left of each example itself.
  virtual Tensor mix(const Tensor& x, double& share, Philox& random, TensorPool& pool) const = 0;

  /// share·row i + (1 − share)·row i − 1.
  static Tensor blended(const Tensor& rows, double share, TensorPool& pool) {
    Tensor out = pool.get(rows.shape(), DType::f32);
    const int64_t n = rows.size(0), width = rows.numel() / n;
    const auto* from = rows.data<float>();
    for (int64_t i = 0; i < n; ++i) {
      blend(from + i * width, from + (i + n - 1) % n * width, out.mutable_data<float>() + i * width, width, share);
    }
    return out;
  }

 private:
  /// Targets that can be blended: class ids become rows of 0 and 1.
  Tensor shares_of(const Tensor& target, TensorPool& pool) const {
    if (target.dtype() == DType::f32) return target;
    if (target.dtype() != DType::i64 || classes_ < 1) {
      throw Error(name_, "expected class ids of the data set it was fitted on, got " + target.meta().str());
    }
    Shape shape = target.shape();
    shape.push_back(classes_);
    Tensor out = pool.get(shape, DType::f32);
    auto* to = out.mutable_data<float>();
    std::fill(to, to + out.numel(), 0.0F);
    for (const int64_t id : target.ints()) {
      if (id < 0 || id >= classes_)
        throw Error(name_, "a class id is " + std::to_string(id) + ", expected 0 to " + std::to_string(classes_ - 1));
      to[id] = 1;
      to += classes_;
    }
    return out;
  }

  MixOptions options_;
  int64_t classes_ = 0;
};

class Mixup final : public Mix {
 public:
  explicit Mixup(MixOptions o) : Mix("mixup", o, 0.2) {}

 protected:
  Tensor mix(const Tensor& x, double& share, Philox&, TensorPool& pool) const override {
    return blended(x, share, pool);
  }
};

class Cutmix final : public Mix {
 public:
  explicit Cutmix(MixOptions o) : Mix("cutmix", o, 1) {}
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, "cutmix");
    return input;
  }

 protected:
  Tensor mix(const Tensor& x, double& share, Philox& random, TensorPool& pool) const override {
    const Planes p = planes_of(x, 1, "cutmix");
    const double side = std::sqrt(1 - share);
    const auto cut = [&](int64_t extent, int64_t& begin, int64_t& end) {
      const auto centre = static_cast<int64_t>(random.below(static_cast<uint64_t>(extent)));
      const int64_t half = static_cast<int64_t>(side * static_cast<double>(extent)) / 2;
      begin = std::max<int64_t>(centre - half, 0);
      end = std::min(centre + half, extent);
    };
    int64_t top = 0, bottom = 0, left = 0, right = 0;
    cut(p.height, top, bottom);
    cut(p.width, left, right);
    share = 1 - static_cast<double>((bottom - top) * (right - left)) / static_cast<double>(p.pixels());
    Tensor out = pool.get(x.shape(), DType::f32);
    const auto* from = x.data<float>();
    auto* to = out.mutable_data<float>();
    std::copy(from, from + x.numel(), to);
    const int64_t n = x.size(0), planes = p.count / n;
    for (int64_t plane = 0; plane < p.count; ++plane) {
      const int64_t other = (plane + p.count - planes) % p.count;
      for (int64_t y = top; y < bottom; ++y) {
        const float* row = from + other * p.pixels() + y * p.width;
        std::copy(row + left, row + right, to + plane * p.pixels() + y * p.width + left);
      }
    }
    return out;
  }
};

class ProgressiveResize final : public OfBatches {
 public:
  explicit ProgressiveResize(ProgressiveOptions o) : OfBatches("progressive_resize"), options_(o) {
    const Dims &sizes = options_.sizes, &epochs = options_.epochs;
    const bool positive = std::all_of(sizes.begin(), sizes.end(), [](int64_t v) { return v > 0 && v <= 65535; });
    if (sizes.rank() < 1 || !positive) bad_option(name_, "sizes", "numbers of pixels", sizes.str());
    const bool rising = std::is_sorted(epochs.begin(), epochs.end(), std::less_equal<>());
    if (epochs.rank() != sizes.rank() || epochs[0] != 0 || !rising) {
      bad_option(name_, "epochs", "as many rising numbers as sizes, the first 0", epochs.str());
    }
  }
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, name_);
    return with_size(input, options_.sizes.back(), options_.sizes.back());
  }
  /// What an example looks like in the end.
  void apply(Example& example, Philox&) const override {
    planes_of(example.at(0), 0, name_);
    const int64_t side = options_.sizes.back();
    example[0] = image::resize(example[0], side, side);
  }
  void change_batch(Batch& batch, Philox&, int64_t epoch, TensorPool& pool) const override {
    planes_of(batch.at(0), 1, name_);
    int range = 0;
    while (range + 1 < options_.epochs.rank() && options_.epochs[range + 1] <= epoch) ++range;
    const int64_t side = options_.sizes[range];
    batch[0] = image::resize(batch[0], side, side, image::Sampling::bilinear, true, &pool);
  }

 private:
  ProgressiveOptions options_;
};

}  // namespace

std::unique_ptr<Transform> mixup(MixOptions options) { return std::make_unique<Mixup>(options); }
std::unique_ptr<Transform> cutmix(MixOptions options) { return std::make_unique<Cutmix>(options); }
std::unique_ptr<Transform> progressive_resize(ProgressiveOptions options) {
  return std::make_unique<ProgressiveResize>(options);
}

}  // namespace lamina::data::transforms
