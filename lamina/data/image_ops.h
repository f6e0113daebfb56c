// What can be done to a picture, with all parameters given: the transforms draw them. Pictures are u8 (0 to 255) or f32
// (colours: 0 to 1), contiguous, their last two axes height and width; colour functions take [1 or 3, height, width].
// All return new tensors; bytes are rounded to the nearest. A buffer of `pool` is used where one is given.
#pragma once

#include <array>
#include <string>

#include "lamina/tensor/tensor.h"

namespace lamina::data {
class TensorPool;
}

namespace lamina::data::image {

enum class Sampling { nearest, bilinear, bicubic };
/// What lies beyond the edges: a value, the nearest pixel, or the picture mirrored at its outermost pixels.
enum class Border { constant, edge, reflect };

/// "nearest", "bilinear", "bicubic"; throws Error naming `where` for other words.
Sampling sampling_of(const std::string& word, const std::string& where);
/// "constant", "edge", "reflect".
Border border_of(const std::string& word, const std::string& where);

/// A part of a picture; crop() lets it reach beyond.
struct Window {
  int64_t top = 0, left = 0, height = 0, width = 0;
};

/// Pixel centres aligned. With antialias a kernel of the target's width averages when making smaller, as Pillow does
/// (bicubic: a = −0.5); without, as PyTorch (bicubic: a = −0.75). Nearest takes the pixel under the target's centre.
Tensor resize(const Tensor& x, int64_t height, int64_t width, Sampling sampling = Sampling::bilinear,
              bool antialias = true, TensorPool* pool = nullptr);
/// The same of a part that lies within the picture; what is around it does not count.
Tensor resize_part(const Tensor& x, const Window& part, int64_t height, int64_t width, Sampling sampling,
                   bool antialias, TensorPool* pool = nullptr);
Tensor crop(const Tensor& x, const Window& window, Border border = Border::constant, double value = 0,
            TensorPool* pool = nullptr);
/// Mirrors left and right, or top and bottom.
Tensor flip(const Tensor& x, bool vertical = false);

/// The source (x', y') of a target pixel (x, y), in pixel indices: x' = (m0·x + m1·y + m2)/w, y' = (m3·x + m4·y + m5)/w
/// with w = m6·x + m7·y + 1.
using Mapping = std::array<double, 8>;

/// Of a turn by `degrees` (clockwise), a shear, a scale and a shift by pixels, in this order about the centre of the
/// picture: the inverse that warp() needs.
struct Affine {
  double degrees = 0, shift_x = 0, shift_y = 0, scale = 1, shear_x = 0, shear_y = 0;  // shear in degrees
};
Mapping mapping_of(const Affine& a, int64_t height, int64_t width);
/// The mapping that takes each corner `to[i]` (of the target, {x, y}) to `from[i]` (of the source).
using Corners = std::array<std::array<double, 2>, 4>;
Mapping mapping_of(const Corners& from, const Corners& to);
/// nearest or bilinear; sources outside hold `value`.
Tensor warp(const Tensor& x, const Mapping& mapping, Sampling sampling = Sampling::bilinear, double value = 0);

/// x·factor.
Tensor brightness(const Tensor& x, double factor);
/// mean + factor·(x − mean), the mean being that of the luma.
Tensor contrast(const Tensor& x, double factor);
/// luma + factor·(x − luma); pictures of one channel stay as they are.
Tensor saturation(const Tensor& x, double factor);
/// Turns the hue by a share of the circle, −0.5 to 0.5; pictures of one channel stay as they are.
Tensor hue(const Tensor& x, double turn);
/// smooth + factor·(x − smooth), with the 3 × 3 mean that counts its centre five times; the outermost pixels stay.
Tensor sharpness(const Tensor& x, double factor);
/// Keeps the upper bits.
Tensor posterize(const Tensor& x, int bits);
/// Inverts values of at least the threshold, 0 to 1.
Tensor solarize(const Tensor& x, double threshold);
/// Stretches each channel to the full range.
Tensor auto_contrast(const Tensor& x);
/// Makes the histogram of each channel flat.
Tensor equalize(const Tensor& x);
/// Gaussian, over `kernel` pixels (odd) each way, mirrored at the edges.
Tensor blur(const Tensor& x, int64_t kernel, double sigma);

}  // namespace lamina::data::image
