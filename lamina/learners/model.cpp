#include "lamina/learners/model.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/io/safetensors.h"
#include "lamina/learners/splits.h"
#include "lamina/ops/ops.h"

namespace lamina::learners {

namespace {

constexpr size_t kMostGuessedClasses = 20;
constexpr const char* kJson = "/learner.json";
constexpr const char* kTensors = "/learner.safetensors";

std::string number_text(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.10g", v);
  return text;
}

/// The classes of a target: its words, or its numbers where they are few and whole; none where it holds values.
std::vector<std::string> classes_of(const Column& c, Learns learns) {
  if (c.type == ColumnType::categorical) {
    std::set<int64_t> seen(c.codes.begin(), c.codes.end());
    std::vector<std::string> words;
    for (const int64_t code : seen) {
      if (code >= 0) words.push_back(c.words[static_cast<size_t>(code)]);
    }
    return words;
  }
  if (learns == Learns::values) return {};
  std::set<double> seen;
  bool whole = c.type == ColumnType::numeric;
  for (const double v : c.numbers) {
    if (std::isnan(v)) continue;
    whole = whole && v == std::floor(v);
    if (seen.size() <= kMostGuessedClasses || learns == Learns::classes) seen.insert(v);
  }
  if (!whole || (seen.size() > kMostGuessedClasses && learns != Learns::classes)) return {};
  std::vector<std::string> words;
  for (const double v : seen) words.push_back(number_text(v));
  return words;
}

bool has_target(const Column& c, int64_t row) { return !c.missing(row); }

}  // namespace

Model::Model(ModelOptions options)
    : options_(std::move(options)),
      learner_(make_learner(options_.learner)),
      prepare_(options_.prepare, learner_->wants_scaled()) {
  if (learner_->learns() != Learns::nothing && options_.target.empty()) {
    throw Error(learner_->name(), "learns a target: which column?").hint("--target COLUMN");
  }
}

void Model::fit(const Table& whole) {
  notes_.clear();
  std::vector<std::string> inputs;
  for (const std::string& name : options_.ignore) whole.column(name);
  for (const Column& c : whole.columns) {
    const bool ignored = std::find(options_.ignore.begin(), options_.ignore.end(), c.name) != options_.ignore.end();
    if (c.name != options_.target && !ignored) inputs.push_back(c.name);
  }
  if (options_.target.empty() || learner_->learns() == Learns::nothing) {
    prepare_.fit(whole, inputs);
    learner_->fit(examples(whole));
    return;
  }
  const Column& target = whole.columns[static_cast<size_t>(whole.column(options_.target))];
  std::vector<int64_t> rows;
  for (int64_t r = 0; r < whole.rows(); ++r) {
    if (has_target(target, r)) rows.push_back(r);
  }
  if (rows.empty()) throw Error(whole.name, "column \"" + options_.target + "\", the target, is empty");
  const bool all = static_cast<int64_t>(rows.size()) == whole.rows();
  if (!all) {
    notes_.push_back(std::to_string(whole.rows() - static_cast<int64_t>(rows.size())) +
                     " rows are left out: their target is missing");
  }
  classes_ = classes_of(target, learner_->learns());
  target_numeric_ = target.type != ColumnType::categorical;
  const Table part = all ? Table{} : whole.take(rows);
  const Table& table = all ? whole : part;
  prepare_.fit(table, inputs, target_of(table), static_cast<int64_t>(classes_.size()));
  learner_->fit(examples(table));
}

Examples Model::examples(const Table& table, bool with_target) const {
  Examples e{.x = prepare_.apply(table), .classes = classes_, .features = prepare_.features()};
  if (with_target && !options_.target.empty() && learner_->learns() != Learns::nothing) e.y = target_of(table);
  return e;
}

Tensor Model::target_of(const Table& table) const {
  const Column& target = table.columns[static_cast<size_t>(table.column(options_.target))];
  const auto n = static_cast<size_t>(table.rows());
  const auto fail = [&](size_t r, const std::string& what) {
    throw Error(table.places[r], "column \"" + options_.target + "\", the target: " + what);
  };
  if (classes_.empty()) {
    for (size_t r = 0; r < n; ++r) {
      if (target.type == ColumnType::categorical || target.missing(static_cast<int64_t>(r)))
        fail(r, "expected a number");
    }
    return Tensor::from(std::span<const double>(target.numbers), {table.rows()}, DType::f64);
  }
  std::map<std::string, int64_t> id;
  for (size_t i = 0; i < classes_.size(); ++i) id[classes_[i]] = static_cast<int64_t>(i);
  std::vector<int64_t> ids(n);
  for (size_t r = 0; r < n; ++r) {
    if (target.missing(static_cast<int64_t>(r))) fail(r, "is missing");
    const std::string word = target.type == ColumnType::categorical ? target.words[static_cast<size_t>(target.codes[r])]
                                                                    : number_text(target.numbers[r]);
    const auto found = id.find(word);
    if (found == id.end()) fail(r, "\"" + word + "\" is a class that the training rows do not have");
    ids[r] = found->second;
  }
  return Tensor::from(ids, {table.rows()});
}

std::map<std::string, ColumnType> Model::types() const {
  std::map<std::string, ColumnType> types = prepare_.types();
  if (!options_.target.empty())
    types[options_.target] = target_numeric_ ? ColumnType::numeric : ColumnType::categorical;
  return types;
}

void Model::save(const std::string& folder) const {
  const nlohmann::ordered_json j{{"format", 1},
                                 {"learner", learner_->name()},
                                 {"options", nlohmann::ordered_json::parse(learner_->describe())},
                                 {"target", options_.target},
                                 {"target_numeric", target_numeric_},
                                 {"classes", classes_},
                                 {"prepare", nlohmann::ordered_json::parse(prepare_.json())}};
  io::TensorFile file;
  for (const auto& [name, tensor] : learner_->state()) file.tensors.push_back({name, contiguous(tensor)});
  io::make_folders(folder);
  io::save_safetensors(folder + kTensors, file);
  io::write_file_atomically(folder + kJson, j.dump(1) + "\n");
}

bool Model::is_saved(const std::string& folder) { return std::filesystem::exists(folder + kJson); }

Model Model::load(const std::string& folder) {
  const std::string path = folder + kJson;
  const std::string text = io::read_file(path);
  try {
    const auto j = nlohmann::json::parse(text);
    ModelOptions options;
    options.learner = recipe::parse_yaml(j.at("options").dump(), path);
    options.learner.kind = recipe::Setting::Kind::map;
    options.learner.field("name") = recipe::Setting::scalar(j.at("learner"), path);
    options.target = j.at("target");
    Model model(options);
    model.target_numeric_ = j.at("target_numeric");
    model.classes_ = j.at("classes").get<std::vector<std::string>>();
    model.prepare_ = Prepare::from_json(j.at("prepare").dump(), path);
    State state;
    for (const io::NamedTensor& t : io::load_safetensors(folder + kTensors).tensors) state[t.name] = t.tensor;
    model.learner_->restore(state);
    model.learner_->set_names(model.classes_, model.prepare_.features());
    return model;
  } catch (const nlohmann::json::exception& e) {
    throw Error(path, std::string("is damaged: ") + e.what());
  }
}

std::pair<double, double> wilson(double share, int64_t n) {
  constexpr double z = 1.959963984540054;
  const auto count = static_cast<double>(n);
  const double scale = 1 / (1 + z * z / count), middle = share + z * z / (2 * count);
  const double half = z * std::sqrt(share * (1 - share) / count + z * z / (4 * count * count));
  return {(middle - half) * scale, (middle + half) * scale};
}

CrossValidation cross_validate(const ModelOptions& options, const Table& whole, int64_t folds, int64_t seed) {
  const Model probe(options);
  const Column& target = whole.columns[static_cast<size_t>(whole.column(options.target))];
  std::vector<int64_t> known;
  for (int64_t r = 0; r < whole.rows(); ++r) {
    if (has_target(target, r)) known.push_back(r);
  }
  const Table table = whole.take(known);
  const Column& kept = table.columns[static_cast<size_t>(table.column(options.target))];
  const std::vector<std::string> classes = classes_of(kept, probe.learner().learns());
  std::vector<int64_t> ids;
  std::map<std::string, int64_t> count;
  for (int64_t r = 0; !classes.empty() && r < table.rows(); ++r) {
    const std::string word = kept.type == ColumnType::categorical
                                 ? kept.words[static_cast<size_t>(kept.codes[static_cast<size_t>(r)])]
                                 : number_text(kept.numbers[static_cast<size_t>(r)]);
    ids.push_back(std::find(classes.begin(), classes.end(), word) - classes.begin());
    ++count[word];
  }
  CrossValidation cv;
  for (const auto& [word, times] : count) {
    if (times < 2) {
      throw Error(table.name, "class \"" + word + "\" has one row: it cannot be both learnt and held out")
          .hint("--cv 0, or leave the row out");
    }
    if (times < folds)
      cv.notes.push_back("class \"" + word + "\" has " + std::to_string(times) + " rows, fewer than folds");
  }
  double lost = 0, all = 0, right = 0, mean = 0;
  for (int64_t r = 0; classes.empty() && r < table.rows(); ++r) {
    mean += kept.numbers[static_cast<size_t>(r)] / static_cast<double>(table.rows());
  }
  for (const std::vector<int64_t>& held : k_folds(table.rows(), folds, seed, ids)) {
    Model model(options);
    model.fit(table.take(rest_of(held, table.rows())));
    const Examples test = model.examples(table.take(held));
    cv.scores.push_back(model.learner().score(test));
    const auto n = static_cast<double>(held.size());
    right += cv.scores.back() * n;
    if (!classes.empty()) continue;
    const std::vector<double> p = model.learner().predict(test.x).values(), t = test.y.values();
    for (size_t i = 0; i < t.size(); ++i) {
      lost += (t[i] - p[i]) * (t[i] - p[i]);
      all += (t[i] - mean) * (t[i] - mean);
    }
  }
  if (!classes.empty()) {
    cv.score = right / static_cast<double>(table.rows());
    std::tie(cv.low, cv.high) = wilson(cv.score, table.rows());
    return cv;
  }
  cv.score = all > 0 ? 1 - lost / all : 0;
  const double k = static_cast<double>(cv.scores.size());
  const double centre = std::accumulate(cv.scores.begin(), cv.scores.end(), 0.0) / k;
  double spread = 0;
  for (const double s : cv.scores) spread += (s - centre) * (s - centre) / (k - 1);
  cv.low = centre - 1.96 * std::sqrt(spread / k);
  cv.high = centre + 1.96 * std::sqrt(spread / k);
  return cv;
}

std::vector<std::string> leaks(const Examples& e) {
  std::vector<std::string> found;
  if (!e.y.defined() || e.rows() < 20) return found;
  const std::vector<double> y = cast(e.y, DType::f64).values();
  const double* x = e.x.data<double>();
  const auto n = static_cast<size_t>(e.rows()), d = static_cast<size_t>(e.width());
  double y_mean = 0, y_square = 0;
  for (const double v : y) y_mean += v / static_cast<double>(n);
  for (const double v : y) y_square += (v - y_mean) * (v - y_mean);
  for (size_t c = 0; c < d; ++c) {
    double mean = 0, square = 0, product = 0;
    for (size_t r = 0; r < n; ++r) mean += x[r * d + c] / static_cast<double>(n);
    for (size_t r = 0; r < n; ++r) {
      const double v = x[r * d + c] - mean;
      square += v * v;
      product += v * (y[r] - y_mean);
    }
    if (square > 0 && y_square > 0 && product * product > 0.99999 * square * y_square) {
      found.push_back(e.feature_name(static_cast<int64_t>(c)));
    }
  }
  return found;
}

}  // namespace lamina::learners
