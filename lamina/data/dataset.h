// Data sets: examples by index.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::data {

/// The fields of one example; of supervised sets {input, target}. A class is an i64 scalar, several
/// tags a f32 vector of 0 and 1, a regression target a f32 vector. Images are u8 [channels, height, width].
using Example = Tensors;
/// The same fields, stacked along a new first axis.
using Batch = Tensors;

class TensorPool;

enum class TargetKind : uint8_t { classes, tags, values, none };

struct DatasetInfo {
  std::string name;
  Shape input;  // of one input: [1, 28, 28], [features]
  TargetKind target = TargetKind::classes;
  std::vector<std::string> classes;   // by id; of values: the names of the target columns
  std::vector<std::string> features;  // of a table: its input columns
  std::string fingerprint;            // changes with the content
  std::vector<std::string> notes;     // what a user should know: files left out, …

  int64_t outputs() const { return static_cast<int64_t>(classes.size()); }
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const DatasetInfo& info() const = 0;
  virtual int64_t size() const = 0;
  /// Called from several threads at once. Throws Error naming the file of a bad example.
  virtual Example get(int64_t index) const = 0;
  /// Several examples at once, stacked, in buffers of the pool; false where the set has no faster way than get().
  virtual bool gather(std::span<const int64_t> indices, Batch& batch, TensorPool& pool) const {
    (void)indices, (void)batch, (void)pool;
    return false;
  }
  /// The class id of an example of a set with TargetKind::classes, without reading its input where that is possible.
  virtual int64_t class_of(int64_t index) const;
  /// What to call an example in texts: a file name, "row 17".
  virtual std::string label(int64_t index) const { return "example " + std::to_string(index); }
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// Examples held in memory: inputs [n, …], targets [n, …] or undefined. Fills in the shape of one input and the
/// fingerprint where they are empty. Throws Error where the sizes differ, or a class id is outside of info.classes.
DatasetPtr in_memory(DatasetInfo info, const Tensor& inputs, const Tensor& targets);
/// Some examples of another set, in the given order.
DatasetPtr subset(DatasetPtr whole, std::vector<int64_t> indices);
/// One after the other; throws Error where their inputs or targets differ.
DatasetPtr joined(std::vector<DatasetPtr> parts);

/// A training and a test part, as most published sets come.
struct Splits {
  DatasetPtr train, test;
};

/// MNIST and its kin from a folder of IDX files, gzipped or not. An empty folder name: $LAMINA_DATA/mnist.
Splits mnist(const std::string& folder = "");

}  // namespace lamina::data
