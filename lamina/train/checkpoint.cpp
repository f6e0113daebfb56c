#include "lamina/train/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <unordered_set>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/io/safetensors.h"

namespace lamina::train {

namespace fs = std::filesystem;

namespace {

constexpr const char* kUnfinished = ".unfinished-";

fs::path folder_of(const std::string& run_dir) { return fs::path(run_dir) / "checkpoints"; }

Error file_error(const fs::path& path, const std::string& what, const std::string& reason) {
  return Error(path.string(), what + ": " + reason);
}

void save(const fs::path& path, const std::vector<nn::NamedVariable>& variables) {
  io::TensorFile file;
  file.metadata["lamina"] = LAMINA_VERSION;
  for (const nn::NamedVariable& v : variables) file.tensors.push_back({v.name, v.variable.value()});
  io::write_new_file(path.string(), io::encode_safetensors(file, path.string()));
}

/// Removes what is left of a folder when it goes out of scope; nothing after it was renamed.
class Aside {
 public:
  explicit Aside(fs::path path) : path_(std::move(path)) {}
  ~Aside() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

 private:
  fs::path path_;
};

/// Missing, unexpected and mismatched tensors, a line each.
std::vector<std::string> differences(const std::vector<nn::NamedVariable>& variables,
                                     const std::map<std::string, io::TensorInfo>& found) {
  std::vector<std::string> lines;
  std::unordered_set<std::string> wanted;
  for (const nn::NamedVariable& v : variables) {
    wanted.insert(v.name);
    const Meta& meta = v.variable.value().meta();
    const auto it = found.find(v.name);
    if (it == found.end()) {
      lines.push_back("missing     " + v.name + " " + meta.str());
    } else if (it->second.shape != meta.shape || it->second.dtype != meta.dtype) {
      lines.push_back("mismatched  " + v.name + ": the file has " + Meta(it->second.dtype, it->second.shape).str() +
                      ", wanted is " + meta.str());
    }
  }
  for (const auto& [name, info] : found) {
    if (!wanted.count(name)) lines.push_back("unexpected  " + name + " " + Meta(info.dtype, info.shape).str());
  }
  return lines;
}

}  // namespace

void write_checkpoint(const std::string& run_dir, const std::string& name, const Snapshot& snapshot) {
  const fs::path folder = folder_of(run_dir), target = folder / name, aside = folder / (kUnfinished + name);
  io::make_folders(folder.string());
  std::error_code error;
  fs::remove_all(aside, error);
  io::make_folders(aside.string());
  const Aside guard(aside);
  save(aside / "model.safetensors", snapshot.model);
  save(aside / "optimizer.safetensors", snapshot.optimizer);
  io::write_new_file((aside / "state.json").string(), snapshot.state);
  io::sync_folder(aside.string());
  // A checkpoint of this name is one that no link leads to any more: from before a resume at an earlier step.
  fs::remove_all(target, error);
  fs::rename(aside, target, error);
  if (error) throw file_error(target, "the checkpoint could not be put in place", error.message());
  io::sync_folder(folder.string());
}

void point_to(const std::string& run_dir, const std::string& link, const std::string& name) {
  const fs::path folder = folder_of(run_dir), fresh = folder / (kUnfinished + link);
  std::error_code error;
  fs::remove(fresh, error);
  fs::create_directory_symlink(name, fresh, error);
  if (error) throw file_error(fresh, "the link could not be made", error.message());
  fs::rename(fresh, folder / link, error);
  if (error) throw file_error(folder / link, "the link could not be replaced", error.message());
  io::sync_folder(folder.string());
}

std::string pointed_to(const std::string& run_dir, const std::string& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(folder_of(run_dir) / link, error);
  return error ? "" : target.filename().string();
}

std::vector<std::string> list_checkpoints(const std::string& run_dir) {
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  std::error_code error;
  for (const fs::directory_entry& e : fs::directory_iterator(folder_of(run_dir), error)) {
    const std::string name = e.path().filename().string();
    if (e.is_symlink() || !e.is_directory() || name.starts_with(kUnfinished)) continue;
    const fs::path state = e.path() / "state.json";
    if (fs::exists(state)) found.emplace_back(fs::last_write_time(state, error), name);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (auto& [time, name] : found) names.push_back(std::move(name));
  return names;
}

void drop_old_checkpoints(const std::string& run_dir, int64_t keep) {
  const fs::path folder = folder_of(run_dir);
  const std::string last = pointed_to(run_dir, "last"), best = pointed_to(run_dir, "best");
  std::vector<std::string> spare;
  for (const std::string& name : list_checkpoints(run_dir)) {
    if (name != last && name != best) spare.push_back(name);
  }
  std::error_code error;
  for (size_t i = 0; i + static_cast<size_t>(keep) < spare.size(); ++i) fs::remove_all(folder / spare[i], error);
  std::vector<fs::path> unfinished;
  for (const fs::directory_entry& e : fs::directory_iterator(folder, error)) {
    if (e.path().filename().string().starts_with(kUnfinished)) unfinished.push_back(e.path());
  }
  for (const fs::path& p : unfinished) fs::remove_all(p, error);
}

std::string find_checkpoint(const std::string& run_dir, const std::string& which) {
  const fs::path path = folder_of(run_dir) / which;
  if (!which.empty() && fs::exists(path / "state.json")) return path.string();
  if (!fs::is_directory(run_dir)) {
    throw Error(run_dir, "there is no such run directory")
        .hint("lamina train recipe.yaml --run-dir " + run_dir + " makes one");
  }
  NameList names;
  for (const std::string& n : list_checkpoints(run_dir)) names.add(n);
  Error error(run_dir, "has no checkpoint \"" + which + "\"");
  throw error.hint(names.str().empty() ? "no checkpoint was written yet: train first" : "there are: " + names.str());
}

void load_variables(const std::vector<nn::NamedVariable>& variables, const std::string& file,
                    const std::string& owner) {
  std::map<std::string, io::TensorInfo> found;
  for (io::TensorInfo& info : io::list_safetensors(file)) found.emplace(info.name, info);
  const std::vector<std::string> lines = differences(variables, found);
  if (!lines.empty()) {
    constexpr size_t kShown = 16;
    Error error(file, "does not fit this " + owner + ": " + std::to_string(lines.size()) + " of its tensors differ");
    for (size_t i = 0; i < std::min(kShown, lines.size()); ++i) error.detail(lines[i]);
    if (lines.size() > kShown) error.detail("… and " + std::to_string(lines.size() - kShown) + " more");
    throw error.hint("this is a checkpoint of another " + owner +
                     ": use the recipe it was made with, or another run directory");
  }
  std::map<std::string, Tensor> tensors;
  for (io::NamedTensor& t : io::load_safetensors(file).tensors) tensors.emplace(t.name, std::move(t.tensor));
  for (const nn::NamedVariable& v : variables) v.variable.assign(tensors.at(v.name));
}

std::string weights_file(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(fs::path(path) / "checkpoints", ignored)) {
    return find_checkpoint(path, pointed_to(path, "best").empty() ? "last" : "best") + "/model.safetensors";
  }
  if (fs::is_directory(path, ignored)) return (fs::path(path) / "model.safetensors").string();
  if (fs::exists(path, ignored)) return path;
  throw Error(path, "there is no such run directory or file of weights");
}

void load_weights(nn::Module& network, const std::string& path) {
  load_variables(network.state(), weights_file(path), "network");
}

}  // namespace lamina::train
