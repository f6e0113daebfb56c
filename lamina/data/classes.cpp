// Some classes of a set.
#include <algorithm>

#include "lamina/core/error.h"
#include "lamina/data/pool.h"
#include "lamina/data/split.h"
#include "lamina/io/files.h"

namespace lamina::data {

namespace {

/// Examples of a few classes, whose ids are their places in the list of names.
class OfClasses final : public Dataset {
 public:
  OfClasses(DatasetPtr chosen, std::vector<int64_t> ids, const std::vector<std::string>& names)
      : chosen_(std::move(chosen)), ids_(std::move(ids)), info_(chosen_->info()) {
    info_.classes = names;
    std::string print = info_.fingerprint;
    for (const std::string& n : names) print += "\n" + n;
    info_.fingerprint = io::sha256(print).substr(0, 16);
  }
  const DatasetInfo& info() const override { return info_; }
  int64_t size() const override { return chosen_->size(); }
  int64_t class_of(int64_t index) const override { return id(chosen_->class_of(index)); }
  std::string label(int64_t index) const override { return chosen_->label(index); }

  Example get(int64_t index) const override {
    Example example = chosen_->get(index);
    example.at(1) = Tensor::from({static_cast<double>(id(static_cast<int64_t>(example.at(1).item())))}, {}, DType::i64);
    return example;
  }

  bool gather(std::span<const int64_t> indices, Batch& batch, TensorPool& pool) const override {
    if (!chosen_->gather(indices, batch, pool)) return false;
    const Tensor old = batch.at(1);
    Tensor mapped = pool.get(old.shape(), DType::i64);
    std::transform(old.data<int64_t>(), old.data<int64_t>() + old.numel(), mapped.mutable_data<int64_t>(),
                   [this](int64_t i) { return id(i); });
    batch.at(1) = mapped;
    return true;
  }

 private:
  int64_t id(int64_t of_whole) const { return ids_.at(static_cast<size_t>(of_whole)); }
  DatasetPtr chosen_;
  std::vector<int64_t> ids_;  // by the id in the whole set; −1: not chosen
  DatasetInfo info_;
};

}  // namespace

std::vector<int64_t> indices_of_classes(const Dataset& set, const std::vector<std::string>& names) {
  const DatasetInfo& info = set.info();
  if (info.target != TargetKind::classes) throw Error("data.keep_classes", info.name + " has no classes");
  std::vector<bool> wanted(info.classes.size());
  for (const std::string& name : names) {
    const auto at = std::find(info.classes.begin(), info.classes.end(), name);
    if (at == info.classes.end()) {
      NameList known;
      for (const std::string& c : info.classes) known.add(c);
      const std::string near = known.nearest(name);
      throw Error("data.keep_classes", info.name + " has no class \"" + name + "\"")
          .hint((near.empty() ? "" : "did you mean \"" + near + "\"? ") + "there are: " + known.str());
    }
    if (wanted[static_cast<size_t>(at - info.classes.begin())]) {
      throw Error("data.keep_classes", "names \"" + name + "\" twice");
    }
    wanted[static_cast<size_t>(at - info.classes.begin())] = true;
  }
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < set.size(); ++i) {
    if (wanted.at(static_cast<size_t>(set.class_of(i)))) indices.push_back(i);
  }
  return indices;
}

DatasetPtr of_classes(const DatasetPtr& whole, const std::vector<std::string>& names) {
  std::vector<int64_t> indices = indices_of_classes(*whole, names);
  const std::vector<std::string>& all = whole->info().classes;
  std::vector<int64_t> ids;
  for (const std::string& c : all) {
    const auto at = std::find(names.begin(), names.end(), c);
    ids.push_back(at == names.end() ? -1 : at - names.begin());
  }
  return std::make_shared<OfClasses>(subset(whole, std::move(indices)), std::move(ids), names);
}

}  // namespace lamina::data
