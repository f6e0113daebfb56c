// The safetensors format: named tensors with a JSON header. https://github.com/huggingface/safetensors
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::io {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct TensorFile {
  std::vector<NamedTensor> tensors;  // in the order of their offsets
  std::map<std::string, std::string> metadata;
};

/// Names, dtypes and shapes without reading the data.
struct TensorInfo {
  std::string name;
  DType dtype;
  Shape shape;
};
std::vector<TensorInfo> list_safetensors(const std::string& path);

/// Throws Error naming the file, the tensor and what is wrong: truncated, overlapping, a size that does not fit.
TensorFile load_safetensors(const std::string& path);
/// The bytes of a file; `name` stands for it in errors.
std::string encode_safetensors(const TensorFile& file, const std::string& name);
/// Written aside, synced and renamed.
void save_safetensors(const std::string& path, const TensorFile& file);

}  // namespace lamina::io
