// Pictures in one folder per class (or per tag), or without classes in one folder, perhaps below train, val and test.
#include <algorithm>
#include <filesystem>
#include <map>

#include "lamina/core/error.h"
#include "lamina/data/formats_internal.h"
#include "lamina/data/pictures_internal.h"

namespace lamina::data {

namespace fs = std::filesystem;

namespace {

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// The first of these sub-folders that exists, in any case, or nothing.
std::string part_folder(const std::string& root, std::initializer_list<const char*> names) {
  const std::vector<std::string> folders = list_folder(root, true);
  for (const char* name : names) {
    for (const std::string& path : folders) {
      if (lower(file_name(path)) == name) return path;
    }
  }
  return "";
}

constexpr std::initializer_list<const char*> kTrain = {"train", "training"},
                                             kValidation = {"val", "valid", "validation"}, kTest = {"test", "testing"};

/// All files below, but those that file managers leave behind: what is no picture is found by reading it.
void find_pictures(const std::string& folder, int64_t id, Pictures& out) {
  for (const std::string& path : list_folder(folder, false)) {
    const std::string name = lower(file_name(path));
    if (name != "thumbs.db" && name != "desktop.ini") out.push_back({path, id});
  }
  for (const std::string& path : list_folder(folder, true)) find_pictures(path, id, out);
}

Pictures pictures_of(const DatasetInfo& info, const std::string& folder) {
  Pictures pictures;
  if (info.target == TargetKind::none) {
    find_pictures(folder, 0, pictures);
    return pictures;
  }
  for (const std::string& path : list_folder(folder, true)) {
    const auto known = std::find(info.classes.begin(), info.classes.end(), file_name(path));
    if (known == info.classes.end()) {
      NameList names;
      for (const std::string& c : info.classes) names.add(c);
      throw Error(path, "is the folder of an unknown class").hint("the classes are " + names.str());
    }
    find_pictures(path, known - info.classes.begin(), pictures);
  }
  return pictures;
}

/// A file name that is in several folders stands for one picture with several tags.
Pictures with_tags(const Pictures& pictures, int64_t tags) {
  Pictures merged;
  std::map<std::string, size_t> place;
  for (const Picture& p : pictures) {
    const auto [it, fresh] = place.try_emplace(file_name(p.path), merged.size());
    if (fresh) merged.push_back({p.path, 0, std::vector<float>(static_cast<size_t>(tags), 0.0F)});
    merged[it->second].tags[static_cast<size_t>(p.id)] = 1;
  }
  return merged;
}

/// Archives often unpack into one folder that holds the set.
std::string descended(std::string root) {
  for (int i = 0; i < 4; ++i) {
    const std::vector<std::string> folders = list_folder(root, true);
    if (folders.size() != 1 || list_folder(folders[0], true).empty()) break;
    if (!part_folder(root, kTrain).empty() || !part_folder(root, kTest).empty()) break;
    root = folders[0];
  }
  return root;
}

}  // namespace

Parts open_folder(const DataOptions& options, const std::string& given) {
  const std::string root = descended(given);
  const std::string train = part_folder(root, kTrain), test = part_folder(root, kTest);
  const std::string& first = !train.empty() ? train : !test.empty() ? test : root;
  DatasetInfo info;
  info.name = name_of(options, given);
  info.classes = options.classes;
  if (info.classes.empty()) {
    for (const std::string& path : list_folder(first, true)) info.classes.push_back(file_name(path));
  }
  if (info.classes.empty()) {
    info.target = TargetKind::none;
  } else if (options.kind == "tags") {
    info.target = TargetKind::tags;
  } else if (!options.kind.empty() && options.kind != "classes") {
    throw Error("data.kind", "a folder has classes or tags, got \"" + options.kind + "\"");
  }
  PictureParts parts;
  Pictures& found = train.empty() && !test.empty() ? parts.test : parts.train;
  found = pictures_of(info, first);
  if (found.empty()) {
    throw Error(first, "holds no pictures, neither in folders of classes nor by themselves")
        .hint("expected FOLDER/CLASS/picture.png; readable are JPEG, PNG, PGM, PPM and BMP");
  }
  if (!train.empty()) {
    const std::string validation = part_folder(root, kValidation);
    if (!validation.empty()) parts.validation = pictures_of(info, validation);
    if (!test.empty()) parts.test = pictures_of(info, test);
  }
  if (info.target == TargetKind::tags) {
    for (Pictures* part : {&parts.train, &parts.validation, &parts.test}) *part = with_tags(*part, info.outputs());
  }
  return picture_parts(std::move(info), std::move(parts), options, root);
}

}  // namespace lamina::data
