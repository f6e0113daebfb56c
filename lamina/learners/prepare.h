// From a table to numbers: what is learnt from the training rows (means, words, …) is kept and applied to others.
#pragma once

#include <string>
#include <vector>

#include "lamina/learners/learner.h"
#include "lamina/learners/table.h"

namespace lamina::learners {

struct PrepareOptions {
  std::string missing = "median";     // of numbers: mean, median, constant, error; words: the most frequent one
  double constant = 0;                // for missing: constant
  bool indicators = false;            // a column "age missing" of 0 and 1 beside each column with missing cells
  std::string categories = "onehot";  // onehot (the first word of two is left out), ordinal
  int64_t rare = 1;                   // words that occur in fewer rows become "(rare)"; unknown ones too
  double clip = 0;                    // above 0: numbers are cut at this quantile and at 1 − it (winsorising)
  std::string power = "none";         // none, log (of 1 + x, x ≥ 0), yeo_johnson (by maximum likelihood)
  int64_t degree = 1;                 // 2: products of two features too
  std::string scale = "auto";  // auto (standard for learners that compare features), none, standard, minmax, robust
  bool unit_rows = false;      // each row to length 1
  LAMINA_OPTIONS(missing, constant, indicators, categories, rare, clip, power, degree, scale, unit_rows)
};

/// The steps in the order of the options' list, fitted on some rows of a table and applied to any.
class Prepare {
 public:
  explicit Prepare(const PrepareOptions& options = {}, bool scaled = true);
  /// Learns from the named columns. Columns without a difference, or with a word of its own in nearly every row, are
  /// left out with a note. Throws Error where none remains.
  void fit(const Table& table, const std::vector<std::string>& columns);
  /// [rows, features] f64. Throws Error with file and line for a column that is missing or of another type.
  Tensor apply(const Table& table) const;
  const std::vector<std::string>& features() const { return features_; }
  const std::vector<std::string>& notes() const { return notes_; }
  std::string json() const;
  static Prepare from_json(const std::string& text, const std::string& place);
  /// The type of each column that was kept, for reading other tables alike.
  std::map<std::string, ColumnType> types() const;

 private:
  struct Source {  // one column of the table
    std::string name;
    ColumnType type = ColumnType::numeric;
    double fill = 0, low = 0, high = 0, lambda = 1;
    bool indicator = false;
    std::vector<std::string> words = {};  // kept ones
    int64_t fill_word = 0;
    bool rare = false;
  };
  Source learn(const Column& column) const;
  void expand(const Table& table, const Source& s, std::vector<std::vector<double>>& out) const;
  std::vector<std::string> names_of(const Source& s) const;
  std::vector<std::vector<double>> columns_of(const Table& table) const;
  PrepareOptions options_;
  bool scaled_ = true;
  std::vector<Source> sources_;
  std::vector<std::string> features_, notes_;
  std::vector<double> offset_, factor_;
};

}  // namespace lamina::learners
