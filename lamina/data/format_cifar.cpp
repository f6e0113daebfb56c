// The binary versions of CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html): records of one or two
// label bytes and 3 × 32 × 32 bytes of pixels, channel by channel.
#include <cstring>
#include <filesystem>
#include <sstream>

#include "lamina/core/error.h"
#include "lamina/data/formats_internal.h"
#include "lamina/io/files.h"

namespace lamina::data {

namespace {

constexpr int64_t kPixels = 3 * 32 * 32;

/// The file, or its packed copy; empty where there is neither.
std::string existing(const std::string& path) {
  std::error_code ignored;
  for (const char* ending : {"", ".gz"}) {
    if (std::filesystem::is_regular_file(path + ending, ignored)) return path + ending;
  }
  return "";
}

std::vector<std::string> read_lines(const std::string& path) {
  std::istringstream text(io::read_file(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

/// All records of some files; the label is the last one before the pixels (of CIFAR-100: the fine one).
DatasetPtr read_records(const DatasetInfo& info, const std::vector<std::string>& paths, int64_t label_bytes) {
  const int64_t record = label_bytes + kPixels;
  std::string pixels;
  std::vector<int64_t> labels;
  for (const std::string& path : paths) {
    const std::string bytes = io::read_maybe_gzip(path);
    const auto size = static_cast<int64_t>(bytes.size());
    if (size == 0 || size % record != 0) {
      throw Error(path, "has " + std::to_string(size) + " bytes, expected a multiple of " + std::to_string(record) +
                            " (" + std::to_string(label_bytes) + " of labels, 3072 of pixels)")
          .hint("truncated, or not the binary version of CIFAR");
    }
    for (int64_t at = 0; at < size; at += record) {
      const int64_t label = static_cast<uint8_t>(bytes[static_cast<size_t>(at + label_bytes - 1)]);
      if (label >= info.outputs()) {
        throw Error(path, "record " + std::to_string(at / record) + " has label " + std::to_string(label) +
                              ", expected 0 to " + std::to_string(info.outputs() - 1));
      }
      labels.push_back(label);
      pixels.append(bytes, static_cast<size_t>(at + label_bytes), static_cast<size_t>(kPixels));
    }
  }
  const auto n = static_cast<int64_t>(labels.size());
  return in_memory(info, Tensor::from_bytes(pixels.data(), {n, 3, 32, 32}, DType::u8), Tensor::from(labels, {n}));
}

}  // namespace

Parts open_cifar(const DataOptions& options, const std::string& root, int64_t classes) {
  const bool ten = classes == 10;
  std::string folder = root;
  const std::string inner = root + (ten ? "/cifar-10-batches-bin" : "/cifar-100-binary");  // as the archive unpacks
  if (std::filesystem::is_directory(inner)) folder = inner;
  std::vector<std::string> train;
  if (!ten) train.push_back(existing(folder + "/train.bin"));
  for (int i = 1; ten && i <= 5; ++i) {
    const std::string path = existing(folder + "/data_batch_" + std::to_string(i) + ".bin");
    if (!path.empty()) train.push_back(path);
  }
  const std::string test = existing(folder + (ten ? "/test_batch.bin" : "/test.bin"));
  if (!train.empty() && train[0].empty()) train.clear();
  if (train.empty() && test.empty()) {
    throw Error(folder, "has no records of CIFAR")
        .hint(std::string("put ") +
              (ten ? "data_batch_1.bin to data_batch_5.bin and test_batch.bin" : "train.bin and test.bin") +
              " (or .gz of them) there: the binary version");
  }
  DatasetInfo info;
  info.name = name_of(options, root);
  info.classes = known_classes(options, info.name);
  const std::string names = folder + (ten ? "/batches.meta.txt" : "/fine_label_names.txt");
  if (info.classes.empty() && !existing(names).empty()) info.classes = read_lines(names);
  if (info.classes.empty()) {
    for (int64_t i = 0; i < classes; ++i) info.classes.push_back(std::to_string(i));
  }
  if (info.outputs() != classes) {
    throw Error(folder,
                "has " + std::to_string(info.outputs()) + " names of classes, expected " + std::to_string(classes));
  }
  Parts parts;
  if (!train.empty()) parts.train = read_records(info, train, ten ? 1 : 2);
  if (!test.empty()) parts.test = read_records(info, {test}, ten ? 1 : 2);
  return parts;
}

}  // namespace lamina::data
