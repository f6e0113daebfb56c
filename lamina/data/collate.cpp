// Examples into batches: stacked, sequences padded to one of few lengths.
#include <algorithm>
#include <cstring>

#include "lamina/core/error.h"
#include "lamina/data/collate_internal.h"
#include "lamina/data/transforms_internal.h"

namespace lamina::data {

namespace {

/// The length of the first axis where it may differ between examples: fields of rank 1 and more.
bool same_but_first(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.rank() == b.rank() && a.rank() > 0 &&
         std::equal(a.shape().begin() + 1, a.shape().end(), b.shape().begin() + 1);
}

[[noreturn]] void cannot_stack(const std::vector<Example>& examples, size_t field, size_t odd) {
  throw Error("collate", "the examples of a batch differ in shape")
      .detail("example 0: " + examples[0][field].meta().str())
      .detail("example " + std::to_string(odd) + ": " + examples[odd][field].meta().str())
      .hint("for images add a transform that makes them equal: {resize: {size: [64, 64]}} or {center_crop: …}");
}

/// Longest first axis of a field; `unequal` where it differs.
int64_t longest(const std::vector<Example>& examples, size_t field, bool sequence, bool& unequal) {
  const Tensor& first = examples[0][field];
  int64_t most = first.rank() > 0 ? first.size(0) : 0;
  for (size_t i = 1; i < examples.size(); ++i) {
    if (examples[i].size() != examples[0].size()) throw Error("collate", "the examples of a batch differ in fields");
    const Tensor& t = examples[i][field];
    if (t.dtype() == first.dtype() && t.shape() == first.shape()) continue;
    // Images of another height are a mistake, sequences of another length are not.
    if (!same_but_first(t, first) || (!sequence && first.rank() > 2)) cannot_stack(examples, field, i);
    unequal = true;
    most = std::max(most, t.size(0));
  }
  return most;
}

/// Writes `count` times `value` from `to` on.
void fill_with(std::byte* to, size_t bytes, double value, DType dtype) {
  if (value == 0) {
    std::memset(to, 0, bytes);
    return;
  }
  const Tensor one = Tensor::from(std::vector<double>{value}, {1}, dtype);
  for (size_t at = 0; at < bytes; at += one.bytes()) std::memcpy(to + at, one.raw(), one.bytes());
}

Tensor stack(const std::vector<Example>& examples, size_t field, Shape one, double fill, TensorPool& pool) {
  one.insert(0, static_cast<int64_t>(examples.size()));
  Tensor out = pool.get(one, examples[0][field].dtype());
  const size_t stride = out.bytes() / examples.size();
  auto* to = static_cast<std::byte*>(out.mutable_raw());
  for (const Example& e : examples) {
    const Tensor& t = e[field];
    const Tensor packed = t.is_contiguous() ? t : Tensor::from(t.values(), t.shape(), t.dtype());
    std::memcpy(to, packed.raw(), packed.bytes());
    fill_with(to + packed.bytes(), stride - packed.bytes(), fill, out.dtype());
    to += stride;
  }
  return out;
}

/// 8, 16, 24, 32, 48, 64, 96, 128, …: two in each octave, so that at most a third of a batch's length is padding.
int64_t default_size(int64_t length) {
  int64_t size = 8;
  for (int64_t step = 8; size < length; size += step) {
    if (size >= 4 * step) step *= 2;
  }
  return size;
}

/// The length that sequences of at most `most` steps are padded to.
int64_t padded_length(int64_t most, const Dims& sizes) {
  if (sizes.empty()) return default_size(most);
  for (const int64_t size : sizes) {
    if (size >= most) return size;
  }
  throw Error("pad_sequences",
              "a sequence has " + std::to_string(most) + " steps, more than the last of sizes " + sizes.str())
      .hint("add a size, or make the sequences shorter");
}

double fill_of(const SequenceOptions& options, size_t field, const Tensor& values) {
  if (field < options.fill.size()) return options.fill[field];
  return field > 0 && values.dtype() == DType::i64 ? -100 : 0;
}

void check_sequences(const std::vector<Example>& examples, const SequenceOptions& options) {
  for (size_t field = 0; field < static_cast<size_t>(options.fields); ++field) {
    if (field < examples[0].size() && examples[0][field].rank() > 0) continue;
    throw Error("pad_sequences", "field " + std::to_string(field) + " of an example is no sequence")
        .detail(field < examples[0].size() ? "it is " + examples[0][field].meta().str()
                                           : "there are " + std::to_string(examples[0].size()) + " fields");
  }
}

class PadSequences final : public Transform {
 public:
  explicit PadSequences(SequenceOptions options) : options_(std::move(options)) {
    const Dims& sizes = options_.sizes;
    const bool rising = std::is_sorted(sizes.begin(), sizes.end(), std::less_equal<>());
    if (!sizes.empty() && (!rising || sizes[0] < 1)) {
      transforms::bad_option(name(), "sizes", "rising numbers of steps", sizes.str());
    }
    if (options_.fields < 1) {
      transforms::bad_option(name(), "fields", "1 or more", std::to_string(options_.fields));
    }
    if (options_.sort < 0) transforms::bad_option(name(), "sort", "0 or more", std::to_string(options_.sort));
  }
  std::string name() const override { return "pad_sequences"; }
  void apply(Example&, Philox&) const override {}
  bool works_on_batches() const override { return true; }
  const SequenceOptions* sequences() const override { return &options_; }

 private:
  SequenceOptions options_;
};

}  // namespace

Batch collate_in(const std::vector<Example>& examples, const SequenceOptions* options, TensorPool& pool) {
  if (examples.empty()) throw Error("collate", "expected at least one example");
  const size_t fields = examples[0].size(), sequences = options ? static_cast<size_t>(options->fields) : 0;
  if (options) check_sequences(examples, *options);
  std::vector<int64_t> most;
  std::vector<bool> padded;
  for (size_t field = 0; field < fields; ++field) {
    bool unequal = false;
    most.push_back(longest(examples, field, field < sequences, unequal));
    if (options && field >= sequences && unequal) cannot_stack(examples, field, 1);
    padded.push_back(unequal || field < sequences);
  }
  if (options && options->together) {
    std::fill_n(most.begin(), sequences,
                *std::max_element(most.begin(), most.begin() + static_cast<ptrdiff_t>(sequences)));
  }
  Batch batch;
  Tensors lengths;
  for (size_t field = 0; field < fields; ++field) {
    Shape one = examples[0][field].shape();
    if (padded[field]) {
      one[0] = options ? padded_length(most[field], options->sizes) : most[field];
      std::vector<int64_t> sizes;
      for (const Example& e : examples) sizes.push_back(e[field].size(0));
      lengths.push_back(Tensor::from(sizes, {static_cast<int64_t>(sizes.size())}, DType::i32));
    }
    batch.push_back(stack(examples, field, one, options ? fill_of(*options, field, examples[0][field]) : 0, pool));
  }
  batch.insert(batch.end(), lengths.begin(), lengths.end());
  return batch;
}

Batch collate(const std::vector<Example>& examples) {
  TensorPool pool;
  return collate_in(examples, nullptr, pool);
}

Batch collate(const std::vector<Example>& examples, const SequenceOptions& options) {
  TensorPool pool;
  return collate_in(examples, &options, pool);
}

std::optional<SequenceOptions> sequences_of(std::span<const TransformPtr> transforms, const DatasetInfo& info) {
  for (size_t k = transforms.size(); k-- > 0;) {
    if (const SequenceOptions* options = transforms[k]->sequences()) return *options;
  }
  if (!info.unequal()) return std::nullopt;
  const Shape out = output_shape(transforms, info.input);
  return !out.empty() && out[0] < 0 ? std::optional(SequenceOptions{}) : std::nullopt;
}

namespace transforms {
std::unique_ptr<Transform> pad_sequences(SequenceOptions options) {
  return std::make_unique<PadSequences>(std::move(options));
}
}  // namespace transforms

}  // namespace lamina::data
