// The transforms that come with the library. Images are [channels, height, width], u8 or f32; rows of tables and
// signals are [features]. All change the input (field 0) unless they say otherwise. Those marked "random" draw anew
// for every example and epoch and belong to training alone.
#pragma once

#include <cstdint>
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
  LAMINA_OPTIONS(mean, std)
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
  Dims size = {};         // [height, width], or one number: the shorter side, keeping the proportions
  bool antialias = true;  // averages over all pixels when making smaller
  LAMINA_OPTIONS(size, antialias)
};
/// Bilinear, pixel centres aligned (as PIL and PyTorch with align_corners = false).
std::unique_ptr<Transform> resize(ResizeOptions options);

struct CropOptions {
  Dims size = {};       // [height, width], or one number for both
  int64_t padding = 0;  // of zeros on all sides, before
  LAMINA_OPTIONS(size, padding)
};
std::unique_ptr<Transform> center_crop(CropOptions options);
/// Random: the place of the window.
std::unique_ptr<Transform> random_crop(CropOptions options);

struct PadOptions {
  Dims amount = {};  // all sides; [vertical, horizontal]; or [top, bottom, left, right]
  double value = 0;
  LAMINA_OPTIONS(amount, value)
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

struct ColorOptions {
  double brightness = 0.2, contrast = 0.2, saturation = 0.2;  // each factor is drawn from 1 ± this
  LAMINA_OPTIONS(brightness, contrast, saturation)
};
/// Random: changes brightness, contrast and (of three channels) saturation; u8, or f32 in [0, 1].
std::unique_ptr<Transform> color(ColorOptions options = {});

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
