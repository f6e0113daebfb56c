// Weights of another network as a start, and what a network says inside: what transfer learning is made of.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/nn/module.h"

namespace lamina::nn {

/// Does the dotted path, or the path of a module that it lies in, match the glob? "layer4" and "layer4.*" both match
/// "layer4.0.conv1.weight".
bool matches_path(std::string_view glob, std::string_view path);

struct InitOptions {
  std::vector<std::string> except = {};  // globs: tensors of the network that keep their values, of the file unused
  std::vector<std::string> resize = {};  // globs: weights of convolutions that may come with another size of kernel or
                                         // number of input channels
};

/// What init_from() did, tensor by tensor.
struct InitReport {
  struct Tensors {
    std::string name;
    Shape own = {}, found = {};  // in the network and in the file; empty: not there
  };
  std::vector<std::string> taken;
  std::vector<Tensors> resized, left;  // `left` kept their values
  std::vector<Tensors> unused;         // of the file
  /// Lines of text: taken ones by the module that they lie in, the others by name.
  std::string str() const;
};

/// Fills parameters and buffers with tensors of the same name, and leaves those that `except` names. Floats and
/// integers of other widths are converted. Every tensor of the network must be filled or named, every tensor given be
/// used or named: throws Error, before anything has changed, that lists those that are not, with the nearest names, and
/// for a glob that matches nothing. `source` stands for the tensors in errors.
///
/// A weight [out, in, k…] that `resize` names may come from [out, in', k'…]. Kernels are interpolated linearly; for
/// one input channel those of the file are summed up, for more they are repeated in turn. The result is scaled so that
/// the answer to a constant picture stays what it was.
InitReport init_from(Module& module, const std::map<std::string, Tensor>& tensors, const InitOptions& options = {},
                     const std::string& source = "init_from");

/// The head of a network: the path of the last layer with parameters that an evaluation pass calls. Throws Error where
/// the input [n, …] does not fit, or no layer has parameters.
std::string head_of(const Layer& net, const Shape& input, DType dtype = DType::f32);

/// Runs the network on x [n, …] and returns what a layer within it puts out [n, …]; "" is the network itself. With
/// `before`, what comes into that layer. Can be captured; what does not lead to that layer is then not computed. Throws
/// Error with the nearest path where the pass calls no layer of that name.
Tensor features(Layer& net, const Tensor& x, const std::string& layer, bool before = false);

}  // namespace lamina::nn
