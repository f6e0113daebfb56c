// How alike pictures are.
#include <algorithm>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/metrics/decode_internal.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {

namespace {

/// Pictures f32 [n, channels, height, width], values.
struct Pictures {
  int64_t n = 0, channels = 0, height = 0, width = 0;
  std::vector<float> values;
  int64_t area() const { return height * width; }
  const float* plane(int64_t picture, int64_t channel) const {
    return values.data() + (picture * channels + channel) * area();
  }
};

Pictures pictures_of(const std::string& metric, const Tensor& t, const Tensor& other) {
  if (t.rank() != 4 || t.shape() != other.shape()) {
    throw Error(metric, "expected predictions and targets of one shape [n, channels, height, width]")
        .detail("predictions " + t.meta().str())
        .detail("targets     " + other.meta().str());
  }
  Pictures p{t.size(0), t.size(1), t.size(2), t.size(3), t.floats()};
  for (const float v : p.values) {
    if (std::isnan(v)) throw Error(metric, "a picture has NaN pixels");
  }
  return p;
}

double mse_of(const Pictures& a, const Pictures& b, int64_t i) {
  const int64_t n = a.channels * a.area();
  const float *x = a.plane(i, 0), *y = b.plane(i, 0);
  double sum = 0;
  for (int64_t k = 0; k < n; ++k) sum += (double{x[k]} - y[k]) * (double{x[k]} - y[k]);
  return sum / static_cast<double>(n);
}

double psnr_of(const Pictures& a, const Pictures& b, int64_t i) {
  constexpr double kLeast = 1e-10;  // equal pictures: 100 dB instead of infinity
  return -10 * std::log10(std::max(mse_of(a, b, i), kLeast));
}

constexpr int64_t kWindow = 11;
constexpr double kSigma = 1.5, kC1 = 0.01 * 0.01, kC2 = 0.03 * 0.03;

std::vector<double> gaussian() {
  std::vector<double> w;
  double total = 0;
  for (int64_t i = 0; i < kWindow; ++i) {
    const double d = static_cast<double>(i - kWindow / 2);
    w.push_back(std::exp(-d * d / (2 * kSigma * kSigma)));
    total += w.back();
  }
  for (double& v : w) v /= total;
  return w;
}

/// Weighted means of f(k) over all windows within a plane [height, width].
template <class F>
std::vector<double> window_means(int64_t height, int64_t width, F&& f) {
  static const std::vector<double> weights = gaussian();
  const int64_t rows = height - kWindow + 1, columns = width - kWindow + 1;
  std::vector<double> across(static_cast<size_t>(height * columns), 0), means(static_cast<size_t>(rows * columns), 0);
  for (int64_t y = 0; y < height; ++y) {
    double* to = across.data() + y * columns;
    for (int64_t k = 0; k < kWindow; ++k) {
      for (int64_t x = 0; x < columns; ++x) to[x] += weights[static_cast<size_t>(k)] * f(y * width + x + k);
    }
  }
  for (int64_t y = 0; y < rows; ++y) {
    for (int64_t k = 0; k < kWindow; ++k) {
      const double* from = across.data() + (y + k) * columns;
      for (int64_t x = 0; x < columns; ++x)
        means[static_cast<size_t>(y * columns + x)] += weights[static_cast<size_t>(k)] * from[x];
    }
  }
  return means;
}

double ssim_of_planes(const float* a, const float* b, int64_t height, int64_t width) {
  const auto means = [&](auto f) { return window_means(height, width, f); };
  const std::vector<double> x = means([a](int64_t k) { return double{a[k]}; }),
                            y = means([b](int64_t k) { return double{b[k]}; }),
                            xx = means([a](int64_t k) { return double{a[k]} * a[k]; }),
                            yy = means([b](int64_t k) { return double{b[k]} * b[k]; }),
                            xy = means([a, b](int64_t k) { return double{a[k]} * b[k]; });
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double spread = xx[i] - x[i] * x[i] + yy[i] - y[i] * y[i], together = xy[i] - x[i] * y[i];
    sum += (2 * x[i] * y[i] + kC1) * (2 * together + kC2) / ((x[i] * x[i] + y[i] * y[i] + kC1) * (spread + kC2));
  }
  return sum / static_cast<double>(x.size());
}

double ssim_of(const Pictures& a, const Pictures& b, int64_t i) {
  double sum = 0;
  for (int64_t c = 0; c < a.channels; ++c) sum += ssim_of_planes(a.plane(i, c), b.plane(i, c), a.height, a.width);
  return sum / static_cast<double>(a.channels);
}

/// The mean over pictures.
class PerPicture final : public Metric {
 public:
  using Score = double (*)(const Pictures& a, const Pictures& b, int64_t i);
  PerPicture(std::string name, Score score, bool higher_is_better, int64_t smallest, double factor = 1)
      : name_(std::move(name)),
        score_(score),
        higher_is_better_(higher_is_better),
        smallest_(smallest),
        factor_(factor) {}
  std::string name() const override { return name_; }
  bool higher_is_better() const override { return higher_is_better_; }
  void reset() override {
    sum_ = 0;
    count_ = 0;
  }

  void update(const Tensor& predictions, const Tensor& targets) override {
    const Pictures a = pictures_of(name_, predictions, targets), b = pictures_of(name_, targets, predictions);
    if (a.height < smallest_ || a.width < smallest_) {
      throw Error(name_, "its window needs pictures of at least " + std::to_string(smallest_) + "×" +
                             std::to_string(smallest_) + " pixels, these have " + std::to_string(a.height) + "×" +
                             std::to_string(a.width));
    }
    for (int64_t i = 0; i < a.n; ++i) sum_ += score_(a, b, i);
    count_ += a.n;
  }

  double value() const override {
    if (count_ == 0) nothing_seen(name_);
    return factor_ * sum_ / static_cast<double>(count_);
  }

 private:
  std::string name_;
  Score score_;
  bool higher_is_better_;
  int64_t smallest_;
  double factor_;
  double sum_ = 0;
  int64_t count_ = 0;
};

}  // namespace

MetricPtr psnr() { return std::make_shared<PerPicture>("psnr", psnr_of, true, 1); }
MetricPtr picture_mse(double scale) { return std::make_shared<PerPicture>("mse", mse_of, false, 1, scale * scale); }
MetricPtr ssim() { return std::make_shared<PerPicture>("ssim", ssim_of, true, kWindow); }

}  // namespace lamina::metrics
