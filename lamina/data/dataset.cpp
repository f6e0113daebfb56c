#include "lamina/data/dataset.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "lamina/core/error.h"
#include "lamina/data/pool.h"
#include "lamina/data/rows_internal.h"
#include "lamina/io/files.h"
#include "lamina/tensor/tensor_impl.h"

namespace lamina::data {

namespace {

Shape without_first_axis(Shape shape) {
  shape.erase(0);
  return shape;
}

}  // namespace

Tensor rows_of(const Tensor& t, int64_t begin, int64_t end) {
  auto impl = std::make_shared<TensorImpl>();
  Shape shape = t.shape();
  const int64_t row = t.numel() / std::max<int64_t>(shape[0], 1);
  shape[0] = end - begin;
  impl->meta = Meta(t.dtype(), shape);
  impl->meta.offset = t.meta().offset + begin * row;
  impl->storage = t.impl()->storage;
  return Tensor(std::move(impl));
}

Tensor reshaped(const Tensor& t, const Shape& shape) {
  auto impl = std::make_shared<TensorImpl>();
  impl->meta = Meta(t.dtype(), shape);
  impl->meta.offset = t.meta().offset;
  impl->storage = t.impl()->storage;
  return Tensor(std::move(impl));
}

Tensor row_of(const Tensor& rows, int64_t i) {
  return reshaped(rows_of(rows, i, i + 1), without_first_axis(rows.shape()));
}

int64_t Dataset::class_of(int64_t index) const { return static_cast<int64_t>(get(index).at(1).item()); }

int64_t Dataset::length_of(int64_t index) const {
  const Tensor input = get(index).at(0);
  return input.rank() > 0 ? input.size(0) : 1;
}

Tensor lengths_of(const Batch& batch, int64_t which) {
  for (size_t i = 1; i < batch.size(); ++i) {
    if (batch[i].dtype() == DType::i32 && batch[i].rank() == 1 && which-- == 0) return batch[i];
  }
  return {};
}

namespace {

Tensor gather_rows(const Tensor& rows, std::span<const int64_t> indices, TensorPool& pool) {
  Shape shape = rows.shape();
  shape[0] = static_cast<int64_t>(indices.size());
  Tensor out = pool.get(shape, rows.dtype());
  const size_t row_bytes = rows.size(0) ? rows.bytes() / static_cast<size_t>(rows.size(0)) : 0;
  const auto* from = static_cast<const std::byte*>(rows.raw());
  auto* to = static_cast<std::byte*>(out.mutable_raw());
  for (const int64_t i : indices) {
    std::memcpy(to, from + static_cast<size_t>(i) * row_bytes, row_bytes);
    to += row_bytes;
  }
  return out;
}

std::string_view bytes_of(const Tensor& t) { return {static_cast<const char*>(t.raw()), t.bytes()}; }

std::string fingerprint_of(const Tensors& fields) {
  std::string digests;
  for (const Tensor& t : fields) digests += t.meta().str() + io::sha256(bytes_of(t));
  return io::sha256(digests).substr(0, 16);
}

class InMemory final : public Dataset {
 public:
  InMemory(DatasetInfo info, Tensors fields) : info_(std::move(info)), fields_(std::move(fields)) {}
  const DatasetInfo& info() const override { return info_; }
  int64_t size() const override { return fields_[0].size(0); }

  Example get(int64_t index) const override {
    if (index < 0 || index >= size()) {
      throw Error(info_.name, "has " + std::to_string(size()) + " examples, asked for " + std::to_string(index));
    }
    Example example;
    for (const Tensor& rows : fields_) example.push_back(row_of(rows, index));
    return example;
  }

  bool gather(std::span<const int64_t> indices, Batch& batch, TensorPool& pool) const override {
    batch.clear();
    for (const Tensor& rows : fields_) batch.push_back(gather_rows(rows, indices, pool));
    return true;
  }

  int64_t class_of(int64_t index) const override { return fields_[1].data<int64_t>()[index]; }

 private:
  DatasetInfo info_;
  Tensors fields_;
};

class Subset final : public Dataset {
 public:
  Subset(DatasetPtr whole, std::vector<int64_t> indices)
      : whole_(std::move(whole)), indices_(std::move(indices)), info_(whole_->info()) {
    const std::string_view bytes(reinterpret_cast<const char*>(indices_.data()), indices_.size() * sizeof(int64_t));
    info_.fingerprint = io::sha256(info_.fingerprint + io::sha256(bytes)).substr(0, 16);
  }
  const DatasetInfo& info() const override { return info_; }
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  Example get(int64_t index) const override { return whole_->get(at(index)); }
  int64_t class_of(int64_t index) const override { return whole_->class_of(at(index)); }
  int64_t length_of(int64_t index) const override { return whole_->length_of(at(index)); }
  std::string label(int64_t index) const override { return whole_->label(at(index)); }

  bool gather(std::span<const int64_t> indices, Batch& batch, TensorPool& pool) const override {
    std::vector<int64_t> mapped;
    for (const int64_t i : indices) mapped.push_back(at(i));
    return whole_->gather(mapped, batch, pool);
  }

 private:
  int64_t at(int64_t index) const { return indices_.at(static_cast<size_t>(index)); }
  DatasetPtr whole_;
  std::vector<int64_t> indices_;
  DatasetInfo info_;
};

class Joined final : public Dataset {
 public:
  explicit Joined(std::vector<DatasetPtr> parts) : parts_(std::move(parts)), info_(parts_.at(0)->info()) {
    std::string prints;
    for (const DatasetPtr& p : parts_) {
      begins_.push_back(size_);
      size_ += p->size();
      prints += p->info().fingerprint + " ";
    }
    info_.fingerprint = io::sha256(prints).substr(0, 16);
  }
  const DatasetInfo& info() const override { return info_; }
  int64_t size() const override { return size_; }
  Example get(int64_t index) const override { return part(index)->get(index); }
  int64_t class_of(int64_t index) const override { return part(index)->class_of(index); }
  int64_t length_of(int64_t index) const override { return part(index)->length_of(index); }
  std::string label(int64_t index) const override { return part(index)->label(index); }

 private:
  /// The part that holds an example; the index becomes the one within it.
  const DatasetPtr& part(int64_t& index) const {
    const auto after = std::upper_bound(begins_.begin(), begins_.end(), index);
    const size_t which = static_cast<size_t>(after - begins_.begin()) - 1;
    index -= begins_[which];
    return parts_[which];
  }
  std::vector<DatasetPtr> parts_;
  std::vector<int64_t> begins_;
  int64_t size_ = 0;
  DatasetInfo info_;
};

class OfExamples final : public Dataset {
 public:
  OfExamples(DatasetInfo info, std::vector<Example> examples)
      : info_(std::move(info)), examples_(std::move(examples)) {}
  const DatasetInfo& info() const override { return info_; }
  int64_t size() const override { return static_cast<int64_t>(examples_.size()); }
  Example get(int64_t index) const override { return examples_.at(static_cast<size_t>(index)); }

 private:
  DatasetInfo info_;
  std::vector<Example> examples_;
};

/// Throws where an example has other fields than the first: only first axes may differ.
void check_alike(const DatasetInfo& info, const std::vector<Example>& examples) {
  for (size_t i = 0; i < examples.size(); ++i) {
    const Example &e = examples[i], &first = examples[0];
    bool alike = !e.empty() && e.size() == first.size();
    for (size_t f = 0; alike && f < e.size(); ++f) {
      const Shape a = e[f].shape(), b = first[f].shape();
      alike = e[f].dtype() == first[f].dtype() && e[f].is_contiguous() && a.rank() == b.rank() &&
              (a.empty() || std::equal(a.begin() + 1, a.end(), b.begin() + 1));
    }
    if (alike) continue;
    Error error(info.name, "example " + std::to_string(i) + " has other fields than the first");
    for (const Tensor& t : first) error.detail("first: " + t.meta().str());
    for (const Tensor& t : e) error.detail("this:  " + t.meta().str());
    throw error;
  }
}

void check_classes(const DatasetInfo& info, const Tensor& targets) {
  if (targets.dtype() != DType::i64 || targets.rank() != 1) {
    throw Error(info.name, "class ids are i64 [n], got " + targets.meta().str());
  }
  const auto* ids = targets.data<int64_t>();
  for (int64_t i = 0; i < targets.numel(); ++i) {
    if (ids[i] >= 0 && ids[i] < info.outputs()) continue;
    throw Error(info.name, "example " + std::to_string(i) + " has label " + std::to_string(ids[i]) +
                               ", expected 0 to " + std::to_string(info.outputs() - 1));
  }
}

}  // namespace

DatasetPtr in_memory(DatasetInfo info, const Tensor& inputs, const Tensor& targets) {
  if (inputs.rank() < 1 || !inputs.is_contiguous() || (targets.defined() && !targets.is_contiguous())) {
    throw Error(info.name, "expected contiguous inputs [n, …], got " + inputs.meta().str());
  }
  if (targets.defined() && (targets.rank() < 1 || targets.size(0) != inputs.size(0))) {
    throw Error(info.name, "inputs and targets differ in number")
        .detail("inputs  " + inputs.meta().str())
        .detail("targets " + targets.meta().str());
  }
  if (targets.defined() && info.target == TargetKind::classes) check_classes(info, targets);
  Tensors fields{inputs};
  if (targets.defined()) fields.push_back(targets);
  if (!targets.defined()) info.target = TargetKind::none;
  info.input = without_first_axis(inputs.shape());
  if (info.fingerprint.empty()) info.fingerprint = fingerprint_of(fields);
  return std::make_shared<InMemory>(std::move(info), std::move(fields));
}

DatasetPtr in_memory(DatasetInfo info, std::vector<Example> examples) {
  if (examples.empty()) throw Error(info.name, "expected at least one example");
  check_alike(info, examples);
  if (examples[0].size() < 2) info.target = TargetKind::none;
  for (size_t i = 0; info.target == TargetKind::classes && i < examples.size(); ++i) {
    const std::vector<int64_t> ids = examples[i][1].ints();
    for (const int64_t id : ids) {
      if (id >= 0 && id < info.outputs()) continue;
      throw Error(info.name, "example " + std::to_string(i) + " has label " + std::to_string(id) + ", expected 0 to " +
                                 std::to_string(info.outputs() - 1));
    }
  }
  info.input = examples[0][0].shape();
  if (info.input.empty()) throw Error(info.name, "a sequence has a first axis, its steps; got a single number");
  info.input[0] = -1;
  if (info.fingerprint.empty()) {
    std::string prints;
    for (const Example& e : examples) prints += fingerprint_of(e);
    info.fingerprint = io::sha256(prints).substr(0, 16);
  }
  return std::make_shared<OfExamples>(std::move(info), std::move(examples));
}

DatasetPtr subset(DatasetPtr whole, std::vector<int64_t> indices) {
  for (const int64_t i : indices) {
    if (i < 0 || i >= whole->size()) {
      throw Error("subset", "index " + std::to_string(i) + " is outside of the " + std::to_string(whole->size()) +
                                " examples of " + whole->info().name);
    }
  }
  return std::make_shared<Subset>(std::move(whole), std::move(indices));
}

DatasetPtr joined(std::vector<DatasetPtr> parts) {
  if (parts.empty()) throw Error("joined", "expected at least one data set");
  const DatasetInfo& first = parts[0]->info();
  for (const DatasetPtr& p : parts) {
    const DatasetInfo& info = p->info();
    if (info.input == first.input && info.target == first.target && info.classes == first.classes) continue;
    throw Error("joined", "the sets differ")
        .detail(first.name + ": inputs " + first.input.str() + ", " + std::to_string(first.outputs()) + " outputs")
        .detail(info.name + ": inputs " + info.input.str() + ", " + std::to_string(info.outputs()) + " outputs");
  }
  return parts.size() == 1 ? parts[0] : std::make_shared<Joined>(std::move(parts));
}

}  // namespace lamina::data
