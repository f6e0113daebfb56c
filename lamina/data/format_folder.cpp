// Pictures in one folder per class, or without classes in one folder, perhaps below train, val and test. They are read
// when asked for.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lamina/core/error.h"
#include "lamina/data/formats_internal.h"
#include "lamina/io/files.h"
#include "lamina/io/image.h"

namespace lamina::data {

namespace fs = std::filesystem;

namespace {

struct Picture {
  std::string path;
  int64_t id;
};

/// Three equal channels of a grey picture.
Tensor tripled(const Tensor& grey) {
  std::string bytes;
  for (int c = 0; c < 3; ++c) bytes.append(static_cast<const char*>(grey.raw()), grey.bytes());
  return Tensor::from_bytes(bytes.data(), {3, grey.size(1), grey.size(2)}, DType::u8);
}

class Folder final : public Dataset {
 public:
  Folder(DatasetInfo info, std::vector<Picture> pictures, int64_t channels)
      : info_(std::move(info)), pictures_(std::move(pictures)), channels_(channels) {}
  const DatasetInfo& info() const override { return info_; }
  int64_t size() const override { return static_cast<int64_t>(pictures_.size()); }
  int64_t class_of(int64_t index) const override { return at(index).id; }
  std::string label(int64_t index) const override { return at(index).path; }

  Example get(int64_t index) const override {
    const Picture& picture = at(index);
    Tensor image = io::decode_image(picture.path);
    if (image.size(0) == 1 && channels_ == 3) image = tripled(image);
    if (image.size(0) != channels_) {
      throw Error(picture.path, "is a colour picture, but the set is grey")
          .hint("say channels: 3 in the data options; a grayscale transform may follow");
    }
    if (info_.target == TargetKind::none) return {image};
    return {image, Tensor::from(std::span(&picture.id, 1), {})};
  }

 private:
  const Picture& at(int64_t index) const { return pictures_.at(static_cast<size_t>(index)); }
  DatasetInfo info_;
  std::vector<Picture> pictures_;
  int64_t channels_;
};

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

/// The first of these sub-folders that exists, or nothing.
std::string part_folder(const std::string& root, std::initializer_list<const char*> names) {
  std::error_code ignored;
  for (const char* name : names) {
    const std::string path = root + "/" + name;
    if (fs::is_directory(path, ignored)) return path;
  }
  return "";
}

bool is_picture(const std::string& path) {
  std::string ending = fs::path(path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::string_view kEndings[] = {".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".pnm", ".bmp"};
  return std::find(std::begin(kEndings), std::end(kEndings), ending) != std::end(kEndings);
}

void find_pictures(const std::string& folder, int64_t id, std::vector<Picture>& out) {
  for (const std::string& path : list_folder(folder, false)) {
    if (is_picture(path)) out.push_back({path, id});
  }
  for (const std::string& path : list_folder(folder, true)) find_pictures(path, id, out);
}

/// Changes with the paths within the set, the sizes, and the first 4 KiB of up to 1,000 of the files.
std::string fingerprint_of(const std::vector<Picture>& pictures, const std::string& root) {
  const size_t step = pictures.size() / 1000 + 1;
  std::string all, head(4096, '\0');
  for (size_t i = 0; i < pictures.size(); ++i) {
    std::error_code ignored;
    const std::string& path = pictures[i].path;
    all += fs::path(path).lexically_relative(root).string() + " " + std::to_string(fs::file_size(path, ignored)) + "\n";
    if (i % step != 0) continue;
    std::ifstream file(path, std::ios::binary);
    file.read(head.data(), static_cast<std::streamsize>(head.size()));
    all += io::sha256(std::string_view(head).substr(0, static_cast<size_t>(file.gcount())));
  }
  return io::sha256(all).substr(0, 16);
}

DatasetPtr open_part(DatasetInfo info, const std::string& folder, int64_t channels) {
  std::vector<Picture> pictures;
  const bool classless = info.target == TargetKind::none;
  if (classless) find_pictures(folder, 0, pictures);
  for (const std::string& path : list_folder(folder, true)) {
    if (classless) break;
    const auto known = std::find(info.classes.begin(), info.classes.end(), file_name(path));
    if (known == info.classes.end()) {
      NameList names;
      for (const std::string& c : info.classes) names.add(c);
      throw Error(path, "is the folder of an unknown class").hint("the classes are " + names.str());
    }
    find_pictures(path, known - info.classes.begin(), pictures);
  }
  if (pictures.empty()) {
    throw Error(folder, "holds no pictures, neither in folders of classes nor by themselves")
        .hint("expected FOLDER/CLASS/picture.png; read are .jpg, .jpeg, .png, .pgm, .ppm, .pnm, .bmp");
  }
  const Tensor first = io::decode_image(pictures[0].path);
  if (channels == 0) channels = first.size(0);
  info.input = {channels, first.size(1), first.size(2)};
  info.fingerprint = fingerprint_of(pictures, folder);
  return std::make_shared<Folder>(std::move(info), std::move(pictures), channels);
}

}  // namespace

Parts open_folder(const DataOptions& options, const std::string& root) {
  const std::string train = part_folder(root, {"train", "training"});
  const std::string validation = part_folder(root, {"val", "valid", "validation"}),
                    test = part_folder(root, {"test", "testing"});
  const std::string& first = !train.empty() ? train : !test.empty() ? test : root;
  DatasetInfo info;
  info.name = name_of(options, root);
  info.classes = options.classes;
  if (info.classes.empty()) {
    for (const std::string& path : list_folder(first, true)) info.classes.push_back(file_name(path));
  }
  if (info.classes.empty()) info.target = TargetKind::none;
  Parts parts;
  (train.empty() && !test.empty() ? parts.test : parts.train) = open_part(info, first, options.channels);
  if (train.empty()) return parts;
  const int64_t channels = parts.train->info().input[0];
  if (!validation.empty()) parts.validation = open_part(info, validation, channels);
  if (!test.empty()) parts.test = open_part(info, test, channels);
  return parts;
}

}  // namespace lamina::data
