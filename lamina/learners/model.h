// A learner together with the preparation of its tables: what `lamina fit` makes, saves and loads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/learners/learner.h"
#include "lamina/learners/prepare.h"

namespace lamina::learners {

struct ModelOptions {
  recipe::Setting learner;               // {name: ridge, alpha: 2}
  std::string target;                    // a column; empty for learners without a target
  std::vector<std::string> ignore = {};  // columns that are neither
  PrepareOptions prepare = {};
};

class Model {
 public:
  /// Throws Error where the learner or an option is not known.
  explicit Model(ModelOptions options);

  /// Fits preparation and learner on these rows. Rows without a target are left out with a note.
  void fit(const Table& table);
  /// The rows as the learner sees them; with the target, where the table has it.
  Examples examples(const Table& table, bool with_target = true) const;
  /// As Learner::predict.
  Tensor predict(const Table& table) const { return learner_->predict(examples(table, false).x); }

  const Learner& learner() const { return *learner_; }
  const Prepare& prepare() const { return prepare_; }
  const ModelOptions& options() const { return options_; }
  const std::vector<std::string>& classes() const { return classes_; }  // empty: values
  const std::vector<std::string>& notes() const { return notes_; }
  /// Types of the columns, for reading other tables alike.
  std::map<std::string, ColumnType> types() const;

  /// learner.json and learner.safetensors in a folder.
  void save(const std::string& folder) const;
  static Model load(const std::string& folder);
  /// Is that a folder that save() wrote?
  static bool is_saved(const std::string& folder);

 private:
  /// Class ids or values of the target, one per row.
  Tensor target_of(const Table& table) const;
  ModelOptions options_;
  std::unique_ptr<Learner> learner_;
  Prepare prepare_;
  std::vector<std::string> classes_, notes_;
  bool target_numeric_ = false;
};

struct CrossValidation {
  std::vector<double> scores;  // of each fold
  double score = 0;            // of classes: the share of all rows; of values: R² of all rows
  double low = 0, high = 0;    // 95 % confidence: Wilson for classes, mean ± 1.96·s/√folds for values
  std::vector<std::string> notes;
};
/// Preparation and learner are fitted anew on the rows of each fold's training part alone.
CrossValidation cross_validate(const ModelOptions& options, const Table& table, int64_t folds, int64_t seed);

/// The 95 % interval of a share (Wilson 1927).
std::pair<double, double> wilson(double share, int64_t n);

/// Columns that determine the target alone: likely its copies.
std::vector<std::string> leaks(const Examples& examples);

}  // namespace lamina::learners
