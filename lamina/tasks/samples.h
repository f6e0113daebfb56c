// What a recipe's network is shown: augmented samples, as pictures.
#pragma once

#include <string>
#include <vector>

#include "lamina/recipe/setting.h"
#include "lamina/tensor/tensor.h"

namespace lamina::tasks {

struct Samples {
  Tensors pictures;                 // u8 [1 or 3, height, width]
  std::vector<std::string> labels;  // classes, tags, or shares of mixed ones
  std::vector<std::string> notes;   // of the data set: files left out, …
};

/// The first `count` samples of the first epoch of training, in its order and after all transforms, views and mixing
/// included. Values are shown as the grey levels between what the evaluation transforms make of black and of white.
/// Throws Error where the recipe's inputs are no pictures.
Samples training_samples(const recipe::Setting& recipe, int64_t count);

}  // namespace lamina::tasks
