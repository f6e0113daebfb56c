// Transforms that make several views of an image, for evaluation: five_crop, ten_crop, flip_views.
#include <algorithm>
#include <cmath>

#include "lamina/data/transforms_internal.h"

namespace lamina::data::transforms {

namespace {

/// Equal images, stacked along a new first axis.
Tensor stacked(const Tensors& images) {
  Shape shape = images[0].shape();
  shape.insert(0, static_cast<int64_t>(images.size()));
  Tensor out = Tensor::empty(shape, images[0].dtype());
  auto* to = static_cast<std::byte*>(out.mutable_raw());
  for (const Tensor& image : images) {
    const auto* from = static_cast<const std::byte*>(image.raw());
    to = std::copy(from, from + image.bytes(), to);
  }
  return out;
}

class Views : public Transform {
 public:
  Views(std::string name, int64_t views) : name_(std::move(name)), views_(views) {}
  std::string name() const override { return name_; }
  int64_t views() const override { return views_; }
  void apply(Example& example, Philox&) const final {
    planes_of(example.at(0), 0, name_);
    example[0] = stacked(views_of(example[0]));
  }

 protected:
  virtual Tensors views_of(const Tensor& x) const = 0;
  std::string name_;
  int64_t views_;
};

class CropViews final : public Views {
 public:
  CropViews(const char* name, bool mirrored, const ViewCropOptions& o)
      : Views(name, mirrored ? 10 : 5),
        size_(two_numbers(o.size, name, "size")),
        mirrored_(mirrored),
        vertical_(o.vertical) {
    if (vertical_ && !mirrored) bad_option(name, "vertical", "false: it mirrors nothing", "true");
  }
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, name_);
    check_fits(input[1], input[2]);
    return with_size(input, size_[0], size_[1]);
  }

 protected:
  Tensors views_of(const Tensor& x) const override {
    check_fits(x.size(1), x.size(2));
    Tensors views;
    add(x, views);
    if (mirrored_) add(image::flip(x, vertical_), views);
    return views;
  }

 private:
  void add(const Tensor& x, Tensors& views) const {
    const int64_t bottom = x.size(1) - size_[0], right = x.size(2) - size_[1];
    const auto half = [](int64_t v) { return static_cast<int64_t>(std::lrint(static_cast<double>(v) / 2)); };
    const std::pair<int64_t, int64_t> places[] = {
        {0, 0}, {0, right}, {bottom, 0}, {bottom, right}, {half(bottom), half(right)}};
    for (const auto& [top, left] : places) views.push_back(image::crop(x, {top, left, size_[0], size_[1]}));
  }
  void check_fits(int64_t height, int64_t width) const {
    if (height >= size_[0] && width >= size_[1]) return;
    throw Error(name_, "cannot cut " + size_.str() + " out of an image " + Dims{height, width}.str())
        .hint("make images larger before, by resize or pad");
  }
  Dims size_;
  bool mirrored_, vertical_;
};

class FlipViews final : public Views {
 public:
  explicit FlipViews(FlipViewsOptions o) : Views("flip_views", 2), vertical_(o.vertical) {}

 protected:
  Tensors views_of(const Tensor& x) const override { return {x, image::flip(x, vertical_)}; }

 private:
  bool vertical_;
};

}  // namespace

std::unique_ptr<Transform> five_crop(ViewCropOptions options) {
  return std::make_unique<CropViews>("five_crop", false, options);
}
std::unique_ptr<Transform> ten_crop(ViewCropOptions options) {
  return std::make_unique<CropViews>("ten_crop", true, options);
}
std::unique_ptr<Transform> flip_views(FlipViewsOptions options) { return std::make_unique<FlipViews>(options); }

}  // namespace lamina::data::transforms
