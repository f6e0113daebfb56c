// A table of pictures: a column of paths, and one of labels, one of several tags, or one column of 0 and 1 per tag.
#include <algorithm>
#include <filesystem>
#include <set>

#include "lamina/core/error.h"
#include "lamina/data/formats_internal.h"
#include "lamina/data/pictures_internal.h"

namespace lamina::data {

namespace fs = std::filesystem;

namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// The column of that name; −1 where there is none.
int64_t find_column(const io::CsvTable& table, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    for (size_t i = 0; i < table.columns().size(); ++i) {
      if (lower(table.columns()[i]) == name) return static_cast<int64_t>(i);
    }
  }
  return -1;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    const size_t from = text.find_first_not_of(' ', begin), to = text.find_last_not_of(' ', end - 1);
    if (end > begin && from < end) parts.push_back(text.substr(from, to + 1 - from));
    begin = end + 1;
  }
  return parts;
}

class Manifest {
 public:
  Manifest(const io::CsvTable& table, const DataOptions& options, const std::string& root)
      : table_(table), options_(options) {
    path_ = options.path.empty() ? find_column(table, {"path", "file", "filename", "file_name", "image", "image_path"})
                                 : table.column(options.path);
    if (path_ < 0) path_ = 0;
    part_ = find_column(table, {"split", "part"});
    for (const std::string& name : options.target) targets_.push_back(table.column(name));
    for (int64_t c = static_cast<int64_t>(table.columns().size()) - 1; targets_.empty() && c >= 0; --c) {
      if (c != path_ && c != part_) targets_.push_back(c);
    }
    if (targets_.empty()) throw Error(table.name(), "has no column of labels beside " + table.columns()[column(path_)]);
    if (std::find(targets_.begin(), targets_.end(), part_) != targets_.end()) part_ = -1;
    tags_ = options.kind == "tags" || targets_.size() > 1;
    if (!options.kind.empty() && options.kind != "tags" && options.kind != "classes") {
      throw Error("data.kind", "a manifest has classes or tags, got \"" + options.kind + "\"");
    }
    if (tags_ && options.kind == "classes") throw Error("data.target", "classes stand in one column, got several");
    folder_ = fs::path(root).parent_path() / options.images;
    find_separator();
  }

  DatasetInfo info() const {
    DatasetInfo info;
    info.target = tags_ ? TargetKind::tags : TargetKind::classes;
    if (targets_.size() == 1) info.classes = options_.classes;
    if (!info.classes.empty()) return info;
    std::set<std::string> words;
    for (int64_t row = 0; row < table_.rows() && targets_.size() == 1; ++row) {
      for (const std::string& word : words_of(row)) words.insert(word);
    }
    info.classes.assign(words.begin(), words.end());
    for (size_t i = 0; targets_.size() > 1 && i < targets_.size(); ++i) {
      info.classes.push_back(table_.columns()[column(targets_[i])]);
    }
    if (info.classes.empty()) throw Error(table_.name(), "names no class or tag");
    return info;
  }

  PictureParts read(const DatasetInfo& info) const {
    PictureParts parts;
    for (int64_t row = 0; row < table_.rows(); ++row) part_of(row, parts).push_back(picture(row, info));
    if (parts.train.empty()) throw Error(table_.name(), "has no training pictures");
    return parts;
  }

 private:
  static size_t column(int64_t c) { return static_cast<size_t>(c); }

  /// What separates tags within a cell: the first of these that occurs in the column.
  void find_separator() {
    if (!tags_ || targets_.size() > 1) return;
    if (!options_.tag_separator.empty()) {
      separator_ = options_.tag_separator[0];
      return;
    }
    for (const char candidate : {';', '|', ',', ' '}) {
      for (int64_t row = 0; row < table_.rows(); ++row) {
        if (table_.cell(row, targets_[0]).find(candidate) == std::string::npos) continue;
        separator_ = candidate;
        return;
      }
    }
  }

  std::vector<std::string> words_of(int64_t row) const {
    const std::string& cell = table_.cell(row, targets_[0]);
    if (tags_) return split(cell, separator_);
    if (cell.empty()) throw Error(table_.place(row), "the label is empty");
    return {cell};
  }

  Picture picture(int64_t row, const DatasetInfo& info) const {
    const std::string& file = table_.cell(row, path_);
    if (file.empty()) throw Error(table_.place(row), "the path is empty");
    Picture p{fs::path(file).is_absolute() ? file : (folder_ / file).lexically_normal().string()};
    if (tags_) p.tags.assign(info.classes.size(), 0.0F);
    if (targets_.size() > 1) {
      for (size_t i = 0; i < targets_.size(); ++i) {
        const double value = table_.number(row, targets_[i]);
        if (value != 0 && value != 1) {
          throw Error(table_.place(row), "column \"" + table_.columns()[column(targets_[i])] +
                                             "\": a tag is 0 or 1, got " + table_.cell(row, targets_[i]));
        }
        p.tags[i] = static_cast<float>(value);
      }
      return p;
    }
    for (const std::string& word : words_of(row)) {
      const auto known = std::find(info.classes.begin(), info.classes.end(), word);
      if (known == info.classes.end()) {
        NameList names;
        for (const std::string& c : info.classes) names.add(c);
        throw Error(table_.place(row), "\"" + word + "\" is no class of data.classes")
            .hint("there are: " + names.str());
      }
      p.id = known - info.classes.begin();
      if (tags_) p.tags[static_cast<size_t>(p.id)] = 1;
    }
    return p;
  }

  Pictures& part_of(int64_t row, PictureParts& parts) const {
    if (part_ < 0) return parts.train;
    const std::string word = lower(table_.cell(row, part_));
    if (word == "train" || word == "training") return parts.train;
    if (word == "val" || word == "valid" || word == "validation") return parts.validation;
    if (word == "test" || word == "testing") return parts.test;
    throw Error(table_.place(row), "column \"" + table_.columns()[column(part_)] +
                                       "\": expected train, validation or test, got \"" + table_.cell(row, part_) +
                                       "\"");
  }

  const io::CsvTable& table_;
  const DataOptions& options_;
  int64_t path_ = 0, part_ = -1;
  std::vector<int64_t> targets_;
  bool tags_ = false;
  char separator_ = ';';
  fs::path folder_;
};

}  // namespace

Parts open_manifest(const DataOptions& options, const std::string& root) {
  const std::string file = training_file(root, "");
  const io::CsvTable table = io::read_csv(file, csv_options(options));
  const Manifest manifest(table, options, file);
  DatasetInfo info = manifest.info();
  info.name = name_of(options, root);
  PictureParts parts = manifest.read(info);
  return picture_parts(std::move(info), std::move(parts), options, file);
}

}  // namespace lamina::data
