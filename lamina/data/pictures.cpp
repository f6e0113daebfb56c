#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/data/catalogue.h"
#include "lamina/data/pictures_internal.h"
#include "lamina/io/files.h"
#include "lamina/io/image.h"

namespace lamina::data {

namespace fs = std::filesystem;

namespace {

/// Three equal channels of a grey picture.
Tensor tripled(const Tensor& grey) {
  std::string bytes;
  for (int c = 0; c < 3; ++c) bytes.append(static_cast<const char*>(grey.raw()), grey.bytes());
  return Tensor::from_bytes(bytes.data(), {3, grey.size(1), grey.size(2)}, DType::u8);
}

/// Bytes that decoded pictures may still take, of all parts of a set together.
using Budget = std::shared_ptr<std::atomic<int64_t>>;

class PictureSet final : public Dataset {
 public:
  PictureSet(DatasetInfo info, Pictures pictures, int64_t channels, Dims enough, Budget budget)
      : info_(std::move(info)),
        pictures_(std::move(pictures)),
        channels_(channels),
        enough_(enough),
        budget_(std::move(budget)),
        kept_(pictures_.size()) {}
  const DatasetInfo& info() const override { return info_; }
  int64_t size() const override { return static_cast<int64_t>(pictures_.size()); }
  std::string label(int64_t index) const override { return at(index).path; }
  int64_t class_of(int64_t index) const override { return at(index).id; }

  Example get(int64_t index) const override {
    const Picture& picture = at(index);
    if (info_.target == TargetKind::none) return {image(index)};
    if (info_.target == TargetKind::tags) {
      return {image(index), Tensor::from(std::span<const float>(picture.tags), {info_.outputs()})};
    }
    return {image(index), Tensor::from(std::span(&picture.id, 1), {})};
  }

 private:
  const Picture& at(int64_t index) const { return pictures_.at(static_cast<size_t>(index)); }

  Tensor image(int64_t index) const {
    Tensor& kept = kept_[static_cast<size_t>(index)];
    {
      const std::lock_guard lock(mutex_);
      if (kept.defined()) return kept;
    }
    const Tensor fresh = decode(at(index));
    const auto bytes = static_cast<int64_t>(fresh.bytes());
    if (budget_->fetch_sub(bytes) < bytes) {
      budget_->fetch_add(bytes);
      return fresh;
    }
    const std::lock_guard lock(mutex_);
    if (kept.defined()) {
      budget_->fetch_add(bytes);  // another thread was first
    } else {
      kept = fresh;
    }
    return kept;
  }

  Tensor decode(const Picture& picture) const {
    const Tensor image = io::decode_image(picture.path, enough_);
    if (image.size(0) == 1 && channels_ == 3) return tripled(image);
    if (image.size(0) == channels_) return image;
    throw Error(picture.path, "is a colour picture, but the set is grey")
        .hint("say channels: 3 in the data options; a grayscale transform may follow");
  }

  DatasetInfo info_;
  Pictures pictures_;
  int64_t channels_;
  Dims enough_;
  Budget budget_;
  mutable std::mutex mutex_;
  mutable Tensors kept_;
};

/// What one look at every file found.
struct Checked {
  std::vector<std::string> reasons;  // empty for files that are pictures
  bool colour = false;               // of any
};

/// Where the findings of large sets are kept, by names, sizes and times of the files; empty for small ones.
std::string findings_file(const std::vector<const Picture*>& pictures) {
  if (pictures.size() < 500) return "";
  std::string all = "1\n";
  for (const Picture* p : pictures) {
    std::error_code code;
    all += fs::absolute(p->path, code).string() + " " + std::to_string(fs::file_size(p->path, code)) + " " +
           std::to_string(fs::last_write_time(p->path, code).time_since_epoch().count()) + "\n";
  }
  return (fs::path(cache_folder()).parent_path() / "checked" / (io::sha256(all).substr(0, 32) + ".json")).string();
}

bool read_findings(const std::string& file, Checked& checked) {
  std::error_code code;
  if (file.empty() || !fs::exists(file, code)) return false;
  const nlohmann::json found = nlohmann::json::parse(io::read_file(file), nullptr, false);
  try {
    checked.colour = found.at("colour").get<bool>();
    for (const auto& [index, reason] : found.at("bad").items()) checked.reasons.at(std::stoul(index)) = reason;
    return true;
  } catch (const std::exception&) {
    return false;  // a file of another version, or damaged: look again
  }
}

void write_findings(const std::string& file, const Checked& checked) {
  if (file.empty()) return;
  nlohmann::json bad = nlohmann::json::object();
  for (size_t i = 0; i < checked.reasons.size(); ++i) {
    if (!checked.reasons[i].empty()) bad[std::to_string(i)] = checked.reasons[i];
  }
  try {
    io::make_folders(fs::path(file).parent_path().string());
    io::write_file_atomically(file, nlohmann::json{{"colour", checked.colour}, {"bad", bad}}.dump());
  } catch (const Error&) {
    // Without a place for it the next run looks again.
  }
}

/// "file.jpg: is empty, …\n hint" → "is empty, …"
std::string reason_of(const Error& e, const std::string& path) {
  std::string text = e.what();
  text = text.substr(0, text.find('\n'));
  const size_t at = text.find(path);
  if (at == std::string::npos) return text;
  const size_t begin = text.find_first_not_of(": ", at + path.size());
  return begin == std::string::npos ? text : text.substr(begin);
}

Checked check(const std::vector<const Picture*>& pictures) {
  Checked checked;
  checked.reasons.resize(pictures.size());
  const std::string file = findings_file(pictures);
  if (read_findings(file, checked)) return checked;
  std::atomic<bool> colour = false;
  parallel_for(static_cast<int64_t>(pictures.size()), 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const std::string& path = pictures[static_cast<size_t>(i)]->path;
      try {
        // The smallest scale is quickest, and still reads the whole file.
        if (io::decode_image(path, {1, 1}).size(0) == 3) colour = true;
      } catch (const Error& e) {
        checked.reasons[static_cast<size_t>(i)] = reason_of(e, path);
      } catch (const std::exception& e) {
        checked.reasons[static_cast<size_t>(i)] = e.what();
      }
    }
  });
  checked.colour = colour;
  write_findings(file, checked);
  return checked;
}

/// Leaves the bad ones out, or throws one Error with all of them.
void drop_bad(Pictures& part, const Checked& checked, size_t& at, std::vector<std::string>& bad) {
  Pictures good;
  for (Picture& p : part) {
    const std::string& reason = checked.reasons[at++];
    if (reason.empty()) {
      good.push_back(std::move(p));
    } else {
      bad.push_back(p.path + ": " + reason);
    }
  }
  part = std::move(good);
}

constexpr size_t kListed = 100;

void report_bad(const std::vector<std::string>& bad, size_t all, const DataOptions& options, const std::string& root,
                std::vector<std::string>& notes) {
  if (bad.empty()) return;
  const std::string count = std::to_string(bad.size()) + " of " + std::to_string(all) + " files ";
  const std::string more = bad.size() > kListed ? "… and " + std::to_string(bad.size() - kListed) + " more" : "";
  if (options.on_bad_image == "skip") {
    notes.push_back(root + ": left out " + count + "that cannot be read as pictures");
    for (size_t i = 0; i < std::min(kListed, bad.size()); ++i) notes.push_back("  " + bad[i]);
    if (!more.empty()) notes.push_back("  " + more);
    return;
  }
  Error error(root, count + "cannot be read as pictures");
  for (size_t i = 0; i < std::min(kListed, bad.size()); ++i) error.detail(bad[i]);
  if (!more.empty()) error.detail(more);
  throw error.hint("remove or repair them, or say on_bad_image: skip in the data options to leave them out");
}

/// `named`: the classes were given, by a recipe or by the run that is to be tested; not all need to occur.
void check_classes(const DatasetInfo& info, const Pictures& train, bool named, const std::string& root,
                   std::vector<std::string>& notes) {
  if (info.target != TargetKind::classes) return;
  std::vector<int64_t> counts(info.classes.size());
  for (const Picture& p : train) ++counts[static_cast<size_t>(p.id)];
  NameList none, one;
  for (size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) none.add(info.classes[c]);
    if (counts[c] == 1) one.add(info.classes[c]);
  }
  if (!none.str().empty()) {
    const std::string missing = "there are no training pictures of: " + none.str();
    if (!named) throw Error(root, missing).hint("add some, or remove the empty folders");
    notes.push_back(root + ": " + missing);
  }
  if (!one.str().empty()) notes.push_back(root + ": one picture alone, which goes to training, of: " + one.str());
}

/// Changes with the paths within the set, the sizes, and the first 4 KiB of up to 1,000 of the files.
std::string fingerprint_of(const Pictures& pictures, const std::string& root) {
  const size_t step = pictures.size() / 1000 + 1;
  std::string all, head(4096, '\0');
  for (size_t i = 0; i < pictures.size(); ++i) {
    std::error_code ignored;
    const Picture& p = pictures[i];
    all += fs::path(p.path).lexically_relative(root).string() + " " + std::to_string(fs::file_size(p.path, ignored)) +
           " " + std::to_string(p.id);
    for (const float tag : p.tags) all += tag > 0 ? " 1" : " 0";
    all += "\n";
    if (i % step != 0) continue;
    std::ifstream file(p.path, std::ios::binary);
    file.read(head.data(), static_cast<std::streamsize>(head.size()));
    all += io::sha256(std::string_view(head).substr(0, static_cast<size_t>(file.gcount())));
  }
  return io::sha256(all).substr(0, 16);
}

std::string megabytes(double bytes) { return std::to_string(std::llround(bytes / (1 << 20))) + " MiB"; }

}  // namespace

Parts picture_parts(DatasetInfo info, PictureParts pictures, const DataOptions& options, const std::string& root) {
  std::vector<const Picture*> all;
  for (const Pictures* part : {&pictures.train, &pictures.validation, &pictures.test}) {
    for (const Picture& p : *part) all.push_back(&p);
  }
  const Checked checked = check(all);
  std::vector<std::string> bad;
  size_t at = 0;
  for (Pictures* part : {&pictures.train, &pictures.validation, &pictures.test}) drop_bad(*part, checked, at, bad);
  report_bad(bad, all.size(), options, root, info.notes);
  if (pictures.train.empty() && pictures.test.empty()) throw Error(root, "holds no pictures that can be read");
  // A set to evaluate on may be a test part alone.
  const Pictures& first_part = pictures.train.empty() ? pictures.test : pictures.train;
  if (!pictures.train.empty()) check_classes(info, pictures.train, !options.classes.empty(), root, info.notes);
  const int64_t channels = options.channels ? options.channels : checked.colour ? 3 : 1;
  const Tensor first = io::decode_image(first_part[0].path);
  info.input = {channels, first.size(1), first.size(2)};
  const Tensor decoded = io::decode_image(first_part[0].path, options.enough);
  const double bytes = static_cast<double>(channels * decoded.size(1) * decoded.size(2)) * static_cast<double>(at);
  info.notes.push_back("decoded pictures, about " + megabytes(bytes) + ", are kept in memory up to " +
                       std::to_string(options.cache_mb) + " MiB (data.cache_mb)");
  const auto budget = std::make_shared<std::atomic<int64_t>>(options.cache_mb << 20);
  const auto set_of = [&](Pictures& part) -> DatasetPtr {
    if (part.empty()) return nullptr;
    DatasetInfo own = info;
    own.fingerprint = fingerprint_of(part, root);
    return std::make_shared<PictureSet>(std::move(own), std::move(part), channels, options.enough, budget);
  };
  return {set_of(pictures.train), set_of(pictures.validation), set_of(pictures.test)};
}

}  // namespace lamina::data
