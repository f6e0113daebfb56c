// Transforms of colours: grayscale, color.
#include <algorithm>
#include <cmath>

#include "lamina/data/transforms_internal.h"

namespace lamina::data::transforms {

namespace {

constexpr float kRed = 0.299F, kGreen = 0.587F, kBlue = 0.114F;  // ITU-R BT.601

template <class T>
float luma(const T* pixel, int64_t plane) {
  return kRed * static_cast<float>(pixel[0]) + kGreen * static_cast<float>(pixel[plane]) +
         kBlue * static_cast<float>(pixel[2 * plane]);
}

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
    const int64_t from_channels = x.size(lead), images = p.count / from_channels, plane = p.height * p.width;
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
            put_pixel(luma(from + k, plane), to[k]);
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

class Color final : public Transform {
 public:
  explicit Color(ColorOptions o) : options_(o) {
    for (const auto& [name, value] :
         {std::pair{"brightness", o.brightness}, {"contrast", o.contrast}, {"saturation", o.saturation}}) {
      if (!(value >= 0 && value <= 1)) bad_option("color", name, "a number between 0 and 1", std::to_string(value));
    }
  }
  std::string name() const override { return "color"; }
  void apply(Example& example, Philox& random) const override {
    const Tensor& x = example.at(0);
    const Planes p = planes_of(x, 0, "color");
    const auto draw = [&](double amount) { return static_cast<float>(random.uniform(1 - amount, 1 + amount)); };
    const float brightness = draw(options_.brightness), contrast = draw(options_.contrast),
                saturation = draw(options_.saturation);
    Tensor out = Tensor::empty(x.shape(), x.dtype());
    const float most = x.dtype() == DType::u8 ? 255.0F : 1.0F;
    for_pixel_type(x, [&]<class T>(T*) {
      change(x.data<T>(), out.mutable_data<T>(), p, {brightness, contrast, saturation, most});
    });
    example[0] = out;
  }

 private:
  struct Factors {
    float brightness, contrast, saturation, most;
  };
  template <class T>
  static void change(const T* from, T* to, const Planes& p, const Factors& f) {
    const int64_t plane = p.height * p.width;
    const bool colours = p.count == 3;
    const auto grey = [&](int64_t k) { return colours ? luma(from + k, plane) : static_cast<float>(from[k]); };
    double sum = 0;
    for (int64_t k = 0; k < plane; ++k) sum += grey(k);
    const float mean = f.brightness * static_cast<float>(sum / static_cast<double>(plane));
    for (int64_t k = 0; k < plane; ++k) {
      const float g = grey(k);
      for (int64_t c = 0; c < p.count; ++c) {
        float v = static_cast<float>(from[c * plane + k]);
        if (colours) v = g + f.saturation * (v - g);
        v = mean + f.contrast * (f.brightness * v - mean);
        put_pixel(std::clamp(v, 0.0F, f.most), to[c * plane + k]);
      }
    }
  }
  ColorOptions options_;
};

}  // namespace

std::unique_ptr<Transform> grayscale(GrayscaleOptions options) { return std::make_unique<Grayscale>(options); }
std::unique_ptr<Transform> color(ColorOptions options) { return std::make_unique<Color>(options); }

}  // namespace lamina::data::transforms
