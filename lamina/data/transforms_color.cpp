// Transforms of colours: grayscale, color, auto_contrast, equalize, blur, pca_noise.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "lamina/data/transforms_internal.h"

namespace lamina::data::transforms {

namespace {

class Grayscale final : public Fixed {
 public:
  explicit Grayscale(GrayscaleOptions o) : channels_(o.channels) {
    if (channels_ != 1 && channels_ != 3) bad_option("grayscale", "channels", "1 or 3", std::to_string(channels_));
  }
  std::string name() const override { return "grayscale"; }
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, "grayscale");
    check_channels(input[0]);
    return {channels_, input[1], input[2]};
  }

 protected:
  Tensor map(const Tensor& x, int lead, TensorPool& pool) const override {
    const Planes p = planes_of(x, lead, "grayscale");
    const int64_t from_channels = x.size(lead), images = p.count / from_channels, plane = p.pixels();
    check_channels(from_channels);
    if (from_channels == 1 && channels_ == 1) return x;
    Shape shape = x.shape();
    shape[lead] = channels_;
    Tensor out = pool.get(shape, x.dtype());
    for_pixel_type(x, [&]<class T>(T*) {
      for (int64_t i = 0; i < images; ++i) {
        const T* from = x.data<T>() + i * from_channels * plane;
        T* to = out.mutable_data<T>() + i * channels_ * plane;
        for (int64_t k = 0; k < plane; ++k) {
          if (from_channels == 1) {
            to[k] = from[k];
          } else {
            put_pixel(image::luma(from + k, plane), to[k]);
          }
        }
        for (int64_t c = 1; c < channels_; ++c) std::copy(to, to + plane, to + c * plane);
      }
    });
    return out;
  }

 private:
  static void check_channels(int64_t channels) {
    if (channels != 1 && channels != 3)
      throw Error("grayscale", "expected 1 or 3 channels, got " + std::to_string(channels));
  }
  int64_t channels_;
};

class Color final : public RandomImage {
 public:
  explicit Color(ColorOptions o) : RandomImage("color"), options_(o) {
    for (const auto& [name, value] :
         {std::pair{"brightness", o.brightness}, {"contrast", o.contrast}, {"saturation", o.saturation}}) {
      if (!(value >= 0 && value <= 1)) bad_option("color", name, "a number between 0 and 1", std::to_string(value));
    }
    if (!(o.hue >= 0 && o.hue <= 0.5)) bad_option("color", "hue", "a number from 0 to 0.5", std::to_string(o.hue));
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    const auto factor = [&](double amount) { return random.uniform(1 - amount, 1 + amount); };
    const double brightness = factor(options_.brightness), contrast = factor(options_.contrast),
                 saturation = factor(options_.saturation), hue = random.uniform(-options_.hue, options_.hue);
    std::array<int, 4> order{0, 1, 2, 3};
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    Tensor y = x;
    for (const int which : order) {
      if (which == 0 && options_.brightness > 0) y = image::brightness(y, brightness);
      if (which == 1 && options_.contrast > 0) y = image::contrast(y, contrast);
      if (which == 2 && options_.saturation > 0) y = image::saturation(y, saturation);
      if (which == 3 && options_.hue > 0) y = image::hue(y, hue);
    }
    return y;
  }

 private:
  ColorOptions options_;
};

/// A function of the image without parameters.
class Plain final : public RandomImage {
 public:
  Plain(const char* name, Tensor (*change)(const Tensor&), ProbabilityOptions o)
      : RandomImage(name, o.probability), change_(change) {}

 protected:
  Tensor draw(const Tensor& x, Philox&) const override { return change_(x); }

 private:
  Tensor (*change_)(const Tensor&);
};

class Blur final : public RandomImage {
 public:
  explicit Blur(const BlurOptions& o) : RandomImage("blur", o.probability), options_(o) {
    check_range(o.sigma, 1e-3, 100, "blur", "sigma");
    if (o.kernel != 0 && (o.kernel < 1 || o.kernel % 2 == 0)) {
      bad_option("blur", "kernel", "an odd number, or 0", std::to_string(o.kernel));
    }
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    const double sigma = random.uniform(options_.sigma[0], options_.sigma[1]);
    const int64_t fitting = 2 * std::min(x.size(1), x.size(2)) - 1;
    const int64_t kernel = options_.kernel ? options_.kernel : 2 * std::llround(std::ceil(3 * sigma)) + 1;
    return image::blur(x, std::min(kernel, fitting), sigma);
  }

 private:
  BlurOptions options_;
};

/// Eigenvalues and vectors of a symmetric matrix by Jacobi's rotations: on return its diagonal holds the values, and
/// column k of `vectors` belongs to value k.
using Matrix3 = std::array<std::array<double, 3>, 3>;
void diagonalize(Matrix3& a, Matrix3& vectors) {
  vectors = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  for (int sweep = 0; sweep < 50; ++sweep) {
    for (size_t p = 0; p < 2; ++p) {
      for (size_t q = p + 1; q < 3; ++q) {
        if (a[p][q] == 0) continue;
        const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const double t = (theta < 0 ? -1 : 1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        const auto turn = [&](double& x, double& y) {
          const double old = x;
          x = c * old - s * y;
          y = s * old + c * y;
        };
        for (size_t k = 0; k < 3; ++k) turn(a[k][p], a[k][q]);
        for (size_t k = 0; k < 3; ++k) turn(a[p][k], a[q][k]);
        for (size_t k = 0; k < 3; ++k) turn(vectors[k][p], vectors[k][q]);
      }
    }
  }
}

class PcaNoise final : public RandomImage {
 public:
  explicit PcaNoise(PcaNoiseOptions o) : RandomImage("pca_noise"), options_(o) {
    if (!(o.std >= 0)) bad_option("pca_noise", "std", "a number of at least 0", std::to_string(o.std));
  }

  void fit(const Dataset& train, std::span<const TransformPtr> so_far) override {
    double count = 0;
    std::array<double, 3> sum{};
    Matrix3 products{};
    visit_inputs(train, so_far, [&](const Tensor& inputs, int lead) {
      const Planes p = planes_of(inputs, lead, "pca_noise");
      check_channels(inputs.size(lead));
      const std::vector<float> values = inputs.floats();
      for (int64_t i = 0; i < p.count / 3; ++i) {
        const float* v = values.data() + i * 3 * p.pixels();
        for (int64_t k = 0; k < p.pixels(); ++k) {
          for (size_t a = 0; a < 3; ++a) {
            const double x = v[static_cast<int64_t>(a) * p.pixels() + k];
            sum[a] += x;
            for (size_t b = a; b < 3; ++b) products[a][b] += x * v[static_cast<int64_t>(b) * p.pixels() + k];
          }
        }
        count += static_cast<double>(p.pixels());
      }
    });
    if (count == 0) throw Error("pca_noise", "cannot be fitted: the training part is empty");
    Matrix3 covariance{}, vectors{};
    for (size_t a = 0; a < 3; ++a) {
      for (size_t b = 0; b < 3; ++b) {
        covariance[a][b] = products[std::min(a, b)][std::max(a, b)] / count - sum[a] / count * sum[b] / count;
      }
    }
    diagonalize(covariance, vectors);
    components_.assign(9, 0);
    for (size_t k = 0; k < 3; ++k) {
      const double deviation = std::sqrt(std::max(0.0, covariance[k][k]));
      for (size_t c = 0; c < 3; ++c) components_[3 * k + c] = deviation * vectors[c][k];
    }
  }

  std::string state() const override { return nlohmann::json{{"components", components_}}.dump(); }
  void load_state(const std::string& json) override {
    const nlohmann::json state = nlohmann::json::parse(json, nullptr, false);
    const auto components = state.is_object() ? state.value("components", nlohmann::json()) : nlohmann::json();
    const bool valid = components.is_array() && components.size() == 9 &&
                       std::all_of(components.begin(), components.end(), [](const auto& v) { return v.is_number(); });
    if (!valid) throw Error("pca_noise", "cannot restore what was fitted from " + json.substr(0, 200));
    components_ = components.get<std::vector<double>>();
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    check_channels(x.size(0));
    if (components_.empty()) {
      throw Error("pca_noise", "has not been fitted").hint("call fit_all() with the training part first");
    }
    std::array<float, 3> moved{};
    for (size_t k = 0; k < 3; ++k) {
      const double amount = options_.std * random.normal();
      for (size_t c = 0; c < 3; ++c) moved[c] += static_cast<float>(amount * components_[3 * k + c]);
    }
    Tensor out = Tensor::empty(x.shape(), x.dtype());
    const int64_t plane = x.size(1) * x.size(2);
    for_pixel_type(x, [&]<class T>(T*) {
      const T* from = x.data<T>();
      T* to = out.mutable_data<T>();
      for (int64_t i = 0; i < 3 * plane; ++i) {
        put_pixel(static_cast<float>(from[i]) + moved[static_cast<size_t>(i / plane)], to[i]);
      }
    });
    return out;
  }

 private:
  static void check_channels(int64_t channels) {
    if (channels != 3) throw Error("pca_noise", "expected 3 channels, got " + std::to_string(channels));
  }
  PcaNoiseOptions options_;
  std::vector<double> components_;  // √λᵢ·vᵢ, one after the other
};

}  // namespace

std::unique_ptr<Transform> grayscale(GrayscaleOptions options) { return std::make_unique<Grayscale>(options); }
std::unique_ptr<Transform> color(ColorOptions options) { return std::make_unique<Color>(options); }
std::unique_ptr<Transform> auto_contrast(ProbabilityOptions options) {
  return std::make_unique<Plain>("auto_contrast", image::auto_contrast, options);
}
std::unique_ptr<Transform> equalize(ProbabilityOptions options) {
  return std::make_unique<Plain>("equalize", image::equalize, options);
}
std::unique_ptr<Transform> blur(BlurOptions options) { return std::make_unique<Blur>(options); }
std::unique_ptr<Transform> pca_noise(PcaNoiseOptions options) { return std::make_unique<PcaNoise>(options); }

}  // namespace lamina::data::transforms
