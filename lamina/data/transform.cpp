#include "lamina/data/transform.h"

#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/data/rows_internal.h"
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

constexpr Entry<Transform> kTable[] = {
    {"scale", "x·factor + offset as f32; bytes become [0, 1]", with<ScaleOptions, scale>},
    {"normalize", "(x − mean) / std per channel; without values, fitted on the training part",
     with<NormalizeOptions, normalize>},
    {"standardize", "(x − mean) / std per element; without values, fitted on the training part",
     with<NormalizeOptions, standardize>},
    {"min_max", "the range of each element in the training part becomes [low, high]", with<RangeOptions, min_max>},
    {"resize", "images to another size: nearest, bilinear or bicubic, antialiased", with<ResizeOptions, resize>},
    {"center_crop", "the middle of an image", with<CropOptions, center_crop>},
    {"random_crop", "a random window of an image, after padding", with<CropOptions, random_crop>},
    {"random_resized_crop", "a random part of an image, brought to one size (Szegedy et al. 2015)",
     with<ResizedCropOptions, random_resized_crop>},
    {"five_crop", "views: the corners and the middle", with<ViewCropOptions, five_crop>},
    {"ten_crop", "views: the corners and the middle, and their mirror images (Krizhevsky et al. 2012)",
     with<ViewCropOptions, ten_crop>},
    {"flip_views", "views: an image and its mirror image", with<FlipViewsOptions, flip_views>},
    {"pad", "a border around an image: constant, edge or reflect", with<PadOptions, pad>},
    {"flip", "mirrors an image with a probability", with<FlipOptions, flip>},
    {"grayscale", "the luma of an image (ITU-R BT.601)", with<GrayscaleOptions, grayscale>},
    {"rotate", "turns an image by a random angle", with<RotateOptions, rotate>},
    {"affine", "turns, shifts, scales and shears an image at random", with<AffineOptions, affine>},
    {"perspective", "moves the corners of an image at random", with<PerspectiveOptions, perspective>},
    {"shift", "moves an image by random pixels", with<ShiftOptions, shift>},
    {"noise", "adds Gaussian noise", with<NoiseOptions, noise>},
    {"blur", "smoothes by a Gaussian of random width", with<BlurOptions, blur>},
    {"erase", "overwrites a random rectangle (Zhong et al. 2017)", with<EraseOptions, erase>},
    {"cutout", "overwrites a square around a random pixel (DeVries and Taylor 2017)", with<CutoutOptions, cutout>},
    {"color", "changes brightness, contrast, saturation and hue at random", with<ColorOptions, color>},
    {"auto_contrast", "stretches each channel to the full range", with<ProbabilityOptions, auto_contrast>},
    {"equalize", "makes the histogram of each channel flat", with<ProbabilityOptions, equalize>},
    {"rand_augment", "random operations of one strength (Cubuk et al. 2019)", with<RandAugmentOptions, rand_augment>},
    {"pca_noise", "moves colours along their principal components in the training part (Krizhevsky et al. 2012)",
     with<PcaNoiseOptions, pca_noise>},
    {"mixup", "batches: blends pairs of examples and their targets (Zhang et al. 2017)", with<MixOptions, mixup>},
    {"cutmix", "batches: pastes a part of one image into another (Yun et al. 2019)", with<MixOptions, cutmix>},
    {"progressive_resize", "batches: images of another size in each range of epochs",
     with<ProgressiveOptions, progressive_resize>},
    {"pad_sequences", "how sequences of unequal length become batches", with<SequenceOptions, pad_sequences>},
    {"flatten", "any shape becomes a vector", with<FlattenOptions, flatten>},
    {"one_hot", "a class id becomes a vector of 0 and 1", with<OneHotOptions, one_hot>},
};

}  // namespace

namespace {

/// Applies one transform to each view [views, …] of an input, with the same random numbers.
void apply_to_views(const Transform& transform, Example& example, Philox random) {
  const Tensor views = example.at(0);
  const Example rest(example.begin() + 1, example.end());
  std::vector<Example> results;
  for (int64_t v = 0; v < views.size(0); ++v) {
    Example one{row_of(views, v)};
    one.insert(one.end(), rest.begin(), rest.end());
    Philox same = random;
    transform.apply(one, same);
    results.push_back(std::move(one));
  }
  example = results[0];
  std::string bytes;
  for (const Example& e : results) {
    const Tensor packed = e[0].is_contiguous() ? e[0] : Tensor::from(e[0].values(), e[0].shape(), e[0].dtype());
    bytes.append(static_cast<const char*>(packed.raw()), packed.bytes());
  }
  Shape shape = results[0][0].shape();
  shape.insert(0, views.size(0));
  example[0] = Tensor::from_bytes(bytes.data(), shape, results[0][0].dtype());
}

}  // namespace

Example apply_all(std::span<const TransformPtr> transforms, Example example, int64_t seed, int64_t epoch,
                  int64_t index) {
  bool views = false;
  for (size_t k = 0; k < transforms.size(); ++k) {
    Philox random(static_cast<uint64_t>(seed), stream_of(epoch, index, k));
    if (views) {
      if (transforms[k]->views() > 1) {
        throw Error(transforms[k]->name(), "cannot make views of views").hint("give one transform that makes views");
      }
      apply_to_views(*transforms[k], example, random);
    } else {
      transforms[k]->apply(example, random);
    }
    views = views || transforms[k]->views() > 1;
  }
  return example;
}

void change_batch(const Transform& transform, size_t k, Batch& batch, int64_t seed, int64_t epoch, int64_t number,
                  TensorPool& pool) {
  constexpr int64_t kBatches = int64_t{1} << 62;  // apart from the streams of examples
  Philox random(static_cast<uint64_t>(seed), stream_of(epoch, kBatches + number, k));
  transform.change_batch(batch, random, epoch, pool);
}

int64_t views_of(std::span<const TransformPtr> transforms) {
  int64_t views = 1;
  for (const TransformPtr& t : transforms) views *= t->views();
  return views;
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
