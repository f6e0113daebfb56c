#include "lamina/data/transform.h"

#include <array>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/data/transforms_internal.h"

namespace lamina::data {

namespace {

/// One stream for each (epoch, index, transform): a finaliser of good avalanche (splitmix64, Steele et al. 2014)
/// over the three in turn.
uint64_t stream_of(int64_t epoch, int64_t index, size_t transform) {
  uint64_t z = 0;
  for (const uint64_t part :
       {static_cast<uint64_t>(epoch), static_cast<uint64_t>(index), static_cast<uint64_t>(transform)}) {
    z += part + 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
  }
  return z;
}

template <class Options, std::unique_ptr<Transform> (*build)(Options)>
std::unique_ptr<Transform> with(FieldVisitor& visitor) {
  Options options;
  options.visit(visitor);
  return build(std::move(options));
}

using namespace transforms;

constexpr std::array<Entry<Transform>, 17> kTable{{
    {"scale", "x·factor + offset as f32; bytes become [0, 1]", with<ScaleOptions, scale>},
    {"normalize", "(x − mean) / std per channel; without values, fitted on the training part",
     with<NormalizeOptions, normalize>},
    {"standardize", "(x − mean) / std per element; without values, fitted on the training part",
     with<NormalizeOptions, standardize>},
    {"min_max", "the range of each element in the training part becomes [low, high]", with<RangeOptions, min_max>},
    {"resize", "images to another size, bilinear, antialiased", with<ResizeOptions, resize>},
    {"center_crop", "the middle of an image", with<CropOptions, center_crop>},
    {"random_crop", "a random window of an image, after padding", with<CropOptions, random_crop>},
    {"pad", "a border around an image", with<PadOptions, pad>},
    {"flip", "mirrors an image with a probability", with<FlipOptions, flip>},
    {"grayscale", "the luma of an image (ITU-R BT.601)", with<GrayscaleOptions, grayscale>},
    {"rotate", "turns an image by a random angle", with<RotateOptions, rotate>},
    {"shift", "moves an image by random pixels", with<ShiftOptions, shift>},
    {"noise", "adds Gaussian noise", with<NoiseOptions, noise>},
    {"erase", "overwrites a random rectangle (Zhong et al. 2017)", with<EraseOptions, erase>},
    {"color", "changes brightness, contrast and saturation at random", with<ColorOptions, color>},
    {"flatten", "any shape becomes a vector", with<FlattenOptions, flatten>},
    {"one_hot", "a class id becomes a vector of 0 and 1", with<OneHotOptions, one_hot>},
}};

}  // namespace

Example apply_all(std::span<const TransformPtr> transforms, Example example, int64_t seed, int64_t epoch,
                  int64_t index) {
  for (size_t k = 0; k < transforms.size(); ++k) {
    Philox random(static_cast<uint64_t>(seed), stream_of(epoch, index, k));
    transforms[k]->apply(example, random);
  }
  return example;
}

Shape output_shape(std::span<const TransformPtr> transforms, Shape input) {
  for (const TransformPtr& t : transforms) input = t->output_shape(input);
  return input;
}

void fit_all(std::span<const TransformPtr> transforms, const Dataset& train) {
  for (size_t k = 0; k < transforms.size(); ++k) transforms[k]->fit(train, transforms.first(k));
}

std::string state_of(std::span<const TransformPtr> transforms) {
  std::string text = "[";
  for (const TransformPtr& t : transforms) text += (text.size() > 1 ? "," : "") + t->state();
  return text + "]";
}

void load_state(std::span<const TransformPtr> transforms, const std::string& json) {
  const nlohmann::json list = nlohmann::json::parse(json, nullptr, false);
  if (!list.is_array() || list.size() != transforms.size()) {
    throw Error("transforms", "expected the state of " + std::to_string(transforms.size()) + " transforms, got " +
                                  (list.is_array() ? "that of " + std::to_string(list.size()) : "something else"));
  }
  for (size_t k = 0; k < transforms.size(); ++k) transforms[k]->load_state(list[k].dump());
}

std::span<const Entry<Transform>> transform_table() { return kTable; }

}  // namespace lamina::data
