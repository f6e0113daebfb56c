// IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist): big-endian, a type, a shape, the values.
#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>

#include "lamina/core/error.h"
#include "lamina/data/formats_internal.h"
#include "lamina/io/files.h"

namespace lamina::data {

namespace {

template <class T>
T big_endian(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (sizeof value == 2) value = static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof value == 4) value = std::bit_cast<T>(__builtin_bswap32(std::bit_cast<uint32_t>(value)));
  if constexpr (sizeof value == 8) value = std::bit_cast<T>(__builtin_bswap64(std::bit_cast<uint64_t>(value)));
  return value;
}

template <class From, class To>
void convert(const char* from, Tensor& to) {
  auto* out = to.mutable_data<To>();
  for (int64_t i = 0; i < to.numel(); ++i) out[i] = static_cast<To>(big_endian<From>(from + i * int64_t{sizeof(From)}));
}

struct Element {
  int code;
  size_t bytes;
  DType dtype;
  void (*read)(const char*, Tensor&);
};
constexpr Element kElements[] = {
    {0x08, 1, DType::u8, convert<uint8_t, uint8_t>},  {0x09, 1, DType::i32, convert<int8_t, int32_t>},
    {0x0B, 2, DType::i32, convert<int16_t, int32_t>}, {0x0C, 4, DType::i32, convert<int32_t, int32_t>},
    {0x0D, 4, DType::f32, convert<float, float>},     {0x0E, 8, DType::f64, convert<double, double>}};

/// The one file of a folder whose name holds one of `parts` ("train", …) and `kind` ("images"). A packed and an
/// unpacked copy of it count as one.
std::string find_file(const std::string& folder, std::initializer_list<std::string_view> parts, std::string_view kind) {
  std::vector<std::string> found;
  for (const std::string& path : list_folder(folder, false)) {
    const std::string name = std::filesystem::path(path).filename().string();
    const bool of_part =
        std::any_of(parts.begin(), parts.end(), [&](auto p) { return name.find(p) != std::string::npos; });
    if (!of_part || name.find(kind) == std::string::npos || name.find("idx") == std::string::npos) continue;
    if (!found.empty() && path == found.back() + ".gz") continue;
    found.push_back(path);
  }
  if (found.size() > 1) {
    throw Error(folder, "holds several IDX files of " + std::string(kind) + " for one part")
        .detail(found[0])
        .detail(found[1])
        .hint("keep one set in a folder");
  }
  return found.empty() ? "" : found[0];
}

Tensor read_idx(const std::string& path) { return parse_idx(io::read_maybe_gzip(path), path); }

/// Grey images get their channel axis, other inputs stay as they are.
Tensor as_inputs(const Tensor& x) {
  if (x.rank() != 3) return x;
  return Tensor::from_bytes(x.raw(), {x.size(0), 1, x.size(1), x.size(2)}, x.dtype());
}

struct Pair {
  std::string images, labels;
  Tensor inputs, targets;
};

Pair read_pair(const std::string& folder, std::initializer_list<std::string_view> parts) {
  Pair pair{find_file(folder, parts, "images"), find_file(folder, parts, "labels"), {}, {}};
  if (pair.images.empty()) return pair;
  if (pair.labels.empty()) throw Error(folder, "has " + pair.images + " but no file of its labels");
  const Tensor images = read_idx(pair.images), labels = read_idx(pair.labels);
  if (images.rank() < 2) throw Error(pair.images, "expected images [n, …], got " + images.meta().str());
  if (labels.rank() != 1 || (labels.dtype() != DType::u8 && labels.dtype() != DType::i32)) {
    throw Error(pair.labels, "expected labels [n] of whole numbers, got " + labels.meta().str());
  }
  if (labels.size(0) != images.size(0)) {
    throw Error(pair.labels, "has " + std::to_string(labels.size(0)) + " labels for the " +
                                 std::to_string(images.size(0)) + " images of " + pair.images);
  }
  pair.inputs = as_inputs(images);
  pair.targets = Tensor::from(labels.ints(), labels.shape());
  return pair;
}

void check_labels(const Pair& pair, int64_t classes) {
  const std::vector<int64_t> ids = pair.targets.ints();
  const auto bad = std::find_if(ids.begin(), ids.end(), [&](int64_t id) { return id < 0 || id >= classes; });
  if (bad == ids.end()) return;
  throw Error(pair.labels, "label " + std::to_string(bad - ids.begin()) + " is " + std::to_string(*bad) +
                               ", expected 0 to " + std::to_string(classes - 1));
}

}  // namespace

Tensor parse_idx(std::string_view bytes, const std::string& name) {
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0) {
    throw Error(name, "is not an IDX file: it does not begin with two zero bytes, a type and a rank");
  }
  const int code = static_cast<uint8_t>(bytes[2]), rank = static_cast<uint8_t>(bytes[3]);
  const auto element =
      std::find_if(std::begin(kElements), std::end(kElements), [&](const Element& e) { return e.code == code; });
  if (element == std::end(kElements)) throw Error(name, "has the unknown IDX type " + std::to_string(code));
  if (rank < 1 || rank > Dims::kMaxRank) throw Error(name, "has " + std::to_string(rank) + " axes, expected 1 to 8");
  const size_t header = 4 + 4 * static_cast<size_t>(rank);
  if (bytes.size() < header) throw Error(name, "truncated in its header");
  Shape shape;
  size_t expected = element->bytes;
  bool overflow = false;
  for (int axis = 0; axis < rank; ++axis) {
    const auto extent = big_endian<uint32_t>(bytes.data() + 4 + 4 * axis);
    shape.push_back(extent);
    overflow |= __builtin_mul_overflow(expected, extent, &expected);
  }
  if (overflow || bytes.size() - header != expected) {
    throw Error(name, "its shape " + shape.str() + " needs " + (overflow ? "more than any" : std::to_string(expected)) +
                          " bytes of values, it has " + std::to_string(bytes.size() - header))
        .hint("truncated, or not the file that its name says");
  }
  Tensor values = Tensor::empty(shape, element->dtype);
  if (element->bytes == 1 && element->dtype == DType::u8) {
    std::memcpy(values.mutable_raw(), bytes.data() + header, expected);
  } else {
    element->read(bytes.data() + header, values);
  }
  return values;
}

Parts open_idx(const DataOptions& options, const std::string& root) {
  const Pair train = read_pair(root, {"train"}), test = read_pair(root, {"t10k", "test"});
  if (!train.inputs.defined() && !test.inputs.defined()) {
    throw Error(root, "has no IDX files")
        .hint("put train-images-idx3-ubyte and train-labels-idx1-ubyte (or .gz of them) there, and the same of t10k-");
  }
  DatasetInfo info;
  info.name = name_of(options, root);
  info.classes = known_classes(options, info.name);
  if (info.classes.empty()) {
    const std::vector<int64_t> ids = (train.inputs.defined() ? train : test).targets.ints();
    const int64_t most = ids.empty() ? 0 : *std::max_element(ids.begin(), ids.end());
    for (int64_t i = 0; i <= most; ++i) info.classes.push_back(std::to_string(i));
  }
  Parts parts;
  if (train.inputs.defined()) {
    check_labels(train, info.outputs());
    parts.train = in_memory(info, train.inputs, train.targets);
  }
  if (!test.inputs.defined()) return parts;
  check_labels(test, info.outputs());
  parts.test = in_memory(info, test.inputs, test.targets);
  if (parts.train && parts.test->info().input != parts.train->info().input) {
    throw Error(test.images, "holds images " + parts.test->info().input.str() + ", those of " + train.images + " are " +
                                 parts.train->info().input.str());
  }
  return parts;
}

Splits mnist(const std::string& folder) {
  DataOptions options;
  options.format = "idx";
  options.root = folder;
  options.name = "mnist";
  options.test_fraction = 0;
  Splits splits = open_dataset(options);
  if (!splits.test) {
    throw Error(find_root(folder, "mnist"), "has no test part")
        .hint("put t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (or .gz of them) there");
  }
  return splits;
}

}  // namespace lamina::data
