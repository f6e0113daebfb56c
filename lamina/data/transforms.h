// The transforms that come with the library. Images are [channels, height, width], u8 or f32; rows of tables and
// signals are [features]. All change the input (field 0) unless they say otherwise. Those marked "random" draw anew
// for every example and epoch and belong to training alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lamina/core/fields.h"
#include "lamina/data/transform.h"

namespace lamina::data::transforms {

struct ScaleOptions {
  double factor = 1.0 / 255;
  double offset = 0;
  LAMINA_OPTIONS(factor, offset)
};
/// x·factor + offset, as f32: bytes become [0, 1].
std::unique_ptr<Transform> scale(ScaleOptions options = {});

struct NormalizeOptions {
  std::vector<double> mean = {}, std = {};  // one, or one per channel; empty: fitted on the training part
  bool only_mean = false;                   // fitted: subtracts the mean, divides by nothing
  LAMINA_OPTIONS(mean, std, only_mean)
};
/// (x − mean) / std per channel, the first axis, as f32. Fitted over all examples of sets in memory and over 4,096
/// evenly spaced ones of others. What does not vary is only centred.
std::unique_ptr<Transform> normalize(NormalizeOptions options = {});
/// The same per element: for tables, or mean images.
std::unique_ptr<Transform> standardize(NormalizeOptions options = {});

struct RangeOptions {
  double low = 0, high = 1;
  LAMINA_OPTIONS(low, high)
};
/// Maps the range of each element in the training part to [low, high], as f32; what does not vary becomes low.
std::unique_ptr<Transform> min_max(RangeOptions options = {});

struct ResizeOptions {
  Dims size = {};                          // [height, width], or one number: the shorter side, keeping the proportions
  bool antialias = true;                   // averages over all pixels when making smaller
  std::string interpolation = "bilinear";  // nearest, bilinear, bicubic
  LAMINA_OPTIONS(size, antialias, interpolation)
};
/// Pixel centres aligned (as PIL and PyTorch with align_corners = false).
std::unique_ptr<Transform> resize(ResizeOptions options);

struct CropOptions {
  Dims size = {};                   // [height, width], or one number for both
  int64_t padding = 0;              // on all sides, before
  std::string border = "constant";  // what the padding holds: constant (zeros), edge, reflect
  LAMINA_OPTIONS(size, padding, border)
};
std::unique_ptr<Transform> center_crop(CropOptions options);
/// Random: the place of the window.
std::unique_ptr<Transform> random_crop(CropOptions options);

struct ResizedCropOptions {
  Dims size = {};                                  // [height, width], or one number for both
  std::vector<double> scale = {0.08, 1};           // share of the area
  std::vector<double> ratio = {3.0 / 4, 4.0 / 3};  // width by height
  std::string interpolation = "bilinear";          // nearest, bilinear, bicubic
  LAMINA_OPTIONS(size, scale, ratio, interpolation)
};
/// Random: a part of the image of random area and proportions, resized with antialiasing (Szegedy et al., "Going deeper
/// with convolutions", 2015). Where ten draws do not fit into the image, the largest part of allowed proportions.
std::unique_ptr<Transform> random_resized_crop(ResizedCropOptions options);

struct ViewCropOptions {
  Dims size = {};         // [height, width], or one number for both
  bool vertical = false;  // ten_crop: mirrors top and bottom instead of left and right
  LAMINA_OPTIONS(size, vertical)
};
/// Views: top left, top right, bottom left, bottom right, middle; for evaluation (see Transform::views).
std::unique_ptr<Transform> five_crop(ViewCropOptions options);
/// Views: those of five_crop, then the same of the mirrored image (Krizhevsky et al. 2012).
std::unique_ptr<Transform> ten_crop(ViewCropOptions options);
struct FlipViewsOptions {
  bool vertical = false;
  LAMINA_OPTIONS(vertical)
};
/// Views: the image and its mirror image.
std::unique_ptr<Transform> flip_views(FlipViewsOptions options = {});

struct PadOptions {
  Dims amount = {};  // all sides; [vertical, horizontal]; or [top, bottom, left, right]
  double value = 0;
  std::string border = "constant";  // constant (value), edge, reflect
  LAMINA_OPTIONS(amount, value, border)
};
std::unique_ptr<Transform> pad(PadOptions options);

struct FlipOptions {
  double probability = 0.5;
  bool vertical = false;
  LAMINA_OPTIONS(probability, vertical)
};
/// Random: mirrors left and right (or top and bottom).
std::unique_ptr<Transform> flip(FlipOptions options = {});

struct GrayscaleOptions {
  int64_t channels = 1;  // 1 or 3 equal ones
  LAMINA_OPTIONS(channels)
};
/// 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601).
std::unique_ptr<Transform> grayscale(GrayscaleOptions options = {});

struct RotateOptions {
  double degrees = 10;  // at most, either way
  double value = 0;     // what comes in at the corners
  LAMINA_OPTIONS(degrees, value)
};
/// Random: turns about the centre, bilinear.
std::unique_ptr<Transform> rotate(RotateOptions options = {});

struct AffineOptions {
  double degrees = 0;                      // a turn of at most that, either way
  std::vector<double> translate = {0, 0};  // at most these shares of the width and the height, either way
  std::vector<double> scale = {1, 1};      // a factor in this range
  std::vector<double> shear = {0, 0};      // along x and y, degrees at most, either way
  double value = 0;                        // what comes in
  std::string interpolation = "bilinear";  // nearest, bilinear
  LAMINA_OPTIONS(degrees, translate, scale, shear, value, interpolation)
};
/// Random: turns, shears, scales and shifts, about the centre.
std::unique_ptr<Transform> affine(AffineOptions options);

struct PerspectiveOptions {
  double distortion = 0.5;  // each corner moves inwards by at most this share of half the width and height
  double probability = 0.5;
  double value = 0;  // what comes in
  LAMINA_OPTIONS(distortion, probability, value)
};
/// Random: the view of a camera that is not in front, bilinear.
std::unique_ptr<Transform> perspective(PerspectiveOptions options = {});

struct ShiftOptions {
  int64_t pixels = 2;  // at most, along both axes and either way
  double value = 0;    // what comes in
  LAMINA_OPTIONS(pixels, value)
};
/// Random: moves the image.
std::unique_ptr<Transform> shift(ShiftOptions options = {});

struct NoiseOptions {
  double std = 0.1;
  LAMINA_OPTIONS(std)
};
/// Random: adds Gaussian noise; the input must be f32, so it comes after scale.
std::unique_ptr<Transform> noise(NoiseOptions options = {});

struct EraseOptions {
  double probability = 0.5;
  double least = 0.02, most = 0.2;  // of the area
  double value = 0;
  LAMINA_OPTIONS(probability, least, most, value)
};
/// Random: overwrites a rectangle (Zhong et al., "Random erasing data augmentation", 2017).
std::unique_ptr<Transform> erase(EraseOptions options = {});

struct CutoutOptions {
  int64_t size = 16;  // of the side; parts outside of the image are lost
  double value = 0;
  double probability = 1;
  LAMINA_OPTIONS(size, value, probability)
};
/// Random: overwrites a square around a random pixel (DeVries and Taylor, "Improved regularization of convolutional
/// neural networks with cutout", 2017).
std::unique_ptr<Transform> cutout(CutoutOptions options = {});

struct BlurOptions {
  std::vector<double> sigma = {0.1, 2};  // drawn from this range, in pixels
  int64_t kernel = 0;                    // odd; 0: three deviations each way
  double probability = 1;
  LAMINA_OPTIONS(sigma, kernel, probability)
};
/// Random: a Gaussian blur, mirrored at the edges.
std::unique_ptr<Transform> blur(BlurOptions options = {});

struct ColorOptions {
  double brightness = 0.2, contrast = 0.2, saturation = 0.2;  // each factor is drawn from 1 ± this
  double hue = 0;                                             // a turn of at most this share of the circle, up to 0.5
  LAMINA_OPTIONS(brightness, contrast, saturation, hue)
};
/// Random: changes brightness, contrast and (of three channels) saturation and hue, in random order; u8, or f32 in
/// [0, 1].
std::unique_ptr<Transform> color(ColorOptions options = {});

struct ProbabilityOptions {
  double probability = 1;
  LAMINA_OPTIONS(probability)
};
/// Stretches each channel to the full range; u8, or f32 in [0, 1].
std::unique_ptr<Transform> auto_contrast(ProbabilityOptions options = {});
/// Makes the histogram of each channel flat; u8, or f32 in [0, 1].
std::unique_ptr<Transform> equalize(ProbabilityOptions options = {});

struct RandAugmentOptions {
  int64_t operations = 2;                 // applied to each image
  int64_t magnitude = 9;                  // 0 to 30
  double value = 0;                       // what comes in where an image is moved
  std::string interpolation = "nearest";  // nearest, bilinear
  LAMINA_OPTIONS(operations, magnitude, value, interpolation)
};
/// Random: so many of identity, shears, shifts, rotation, brightness, saturation, contrast, sharpness, posterize,
/// solarize, auto_contrast and equalize, all of one magnitude and random direction (Cubuk et al., "RandAugment", 2019;
/// strengths as in torchvision). u8, or f32 in [0, 1].
std::unique_ptr<Transform> rand_augment(RandAugmentOptions options = {});

struct PcaNoiseOptions {
  double std = 0.1;  // of the amounts, in units of each component's deviation
  LAMINA_OPTIONS(std)
};
/// Random: adds Σ aᵢ·√λᵢ·vᵢ to each pixel, with aᵢ drawn once per image and λ, v from the covariance of the colours of
/// the training part as the transforms before leave it (Krizhevsky et al., "ImageNet classification with deep
/// convolutional neural networks", 2012, §4.1, which multiplies by λᵢ of values to 255). Fitted as normalize is.
std::unique_ptr<Transform> pca_noise(PcaNoiseOptions options = {});

struct MixOptions {
  double alpha = 0;        // of the Beta(alpha, alpha) that shares are drawn from; 0: mixup 0.2, cutmix 1
  double probability = 1;  // of a batch to be mixed
  LAMINA_OPTIONS(alpha, probability)
};
/// Batches, random: x = λ·x + (1 − λ)·x' and likewise the targets, x' being the example before in the (shuffled) batch
/// and λ drawn once per batch. Class ids become shares f32 [n, classes], which cross_entropy takes. (Zhang et al.,
/// "mixup: beyond empirical risk minimization", 2017)
std::unique_ptr<Transform> mixup(MixOptions options = {});
/// Batches, random: a window of 1 − λ of the area comes from x', and the targets are shared by area. (Yun et al.,
/// "CutMix", 2019)
std::unique_ptr<Transform> cutmix(MixOptions options = {});

struct ProgressiveOptions {
  Dims sizes = {};   // of square images, in the order of the ranges of epochs
  Dims epochs = {};  // the first epoch (from 0) of each range, the first being 0
  LAMINA_OPTIONS(sizes, epochs)
};
/// Batches: bilinear, antialiased. For networks that take any size. Training captures once for each size.
std::unique_ptr<Transform> progressive_resize(ProgressiveOptions options);

/// Changes nothing; says how sequences of unequal length become batches. Throws Error for sizes that do not rise.
std::unique_ptr<Transform> pad_sequences(SequenceOptions options = {});

struct FlattenOptions {
  LAMINA_OPTIONS()
};
/// Any shape into [n].
std::unique_ptr<Transform> flatten(FlattenOptions options = {});

struct OneHotOptions {
  int64_t classes = 0;   // required
  double smoothing = 0;  // this share of the mass is spread over all classes
  LAMINA_OPTIONS(classes, smoothing)
};
/// The target, a class id, becomes f32 [classes].
std::unique_ptr<Transform> one_hot(OneHotOptions options);

}  // namespace lamina::data::transforms
