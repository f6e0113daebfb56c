// From a table to numbers: what is learnt from the training rows (means, words, …) is kept and applied to others.
#pragma once

#include <string>
#include <vector>

#include "lamina/learners/learner.h"
#include "lamina/learners/table.h"

namespace lamina::learners {

struct PrepareOptions {
  std::string missing = "median";     // of numbers: mean, median, mode, constant, knn, error; words: the most frequent
  double constant = 0;                // of missing: constant
  int64_t neighbours = 5;             // of missing: knn
  bool indicators = false;            // a column "age missing" of 0 and 1 beside each column with missing cells
  std::string categories = "onehot";  // onehot (the first word of two is left out), ordinal
  int64_t rare = 1;                   // words that occur in fewer rows become "(rare)"; unknown ones too
  std::string dates = "days";  // days (since 1970), parts (also year, month, day, weekday, hour where they differ)
  double clip = 0;             // above 0: numbers are cut at this quantile and at 1 − it (winsorising)
  std::string power = "none";  // none, log (of 1 + x, x ≥ 0), yeo_johnson, box_cox (x > 0), by maximum likelihood
  int64_t degree = 1;          // above 1: all products of up to so many features
  std::string scale = "auto";  // auto (standard for learners that compare features), none, standard, minmax, robust
  int64_t select = 0;          // above 0: only so many features are kept, those with the largest F statistic
  bool unit_rows = false;      // each row to length 1
  LAMINA_OPTIONS(missing, constant, neighbours, indicators, categories, rare, dates, clip, power, degree, scale, select,
                 unit_rows)
};

/// The steps in the order of the options' list, fitted on some rows of a table and applied to any.
class Prepare {
 public:
  explicit Prepare(const PrepareOptions& options = {}, bool scaled = true);
  /// Learns from the named columns; `y` (class ids or values, one per row) only where features are selected. Columns
  /// without a difference, or with a word of its own in nearly every row, are left out with a note. Throws Error where
  /// none remains.
  void fit(const Table& table, const std::vector<std::string>& columns, const Tensor& y = {}, int64_t classes = 0);
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
    std::vector<std::string> parts = {};  // of dates
    std::vector<double> known = {};       // cells of the training rows, NaN where missing: of missing: knn
    double spread = 1;                    // their standard deviation
  };
  using Columns = std::vector<std::vector<double>>;
  Source learn(const Column& column) const;
  void learn_scale(const Table& table);
  void select(const Table& table, const Tensor& y, int64_t classes);
  void multiply_names();
  /// Cells of a column, missing ones filled in.
  std::vector<double> filled(const Table& table, const Source& s) const;
  void fill_by_neighbours(const Table& table, const Source& s, std::vector<double>& values) const;
  void transform(const Table& table, const Source& s, std::vector<double>& values) const;
  void expand(const Table& table, const Source& s, Columns& out) const;
  void expand_words(const Table& table, const Source& s, Columns& out) const;
  std::vector<std::string> names_of(const Source& s) const;
  Columns columns_of(const Table& table) const;
  PrepareOptions options_;
  bool scaled_ = true;
  std::vector<Source> sources_;
  std::vector<std::vector<int64_t>> products_;  // which features each product multiplies
  std::vector<std::string> features_, notes_;   // features_: those kept
  std::vector<int64_t> kept_;                   // of all features; empty: all
  std::vector<double> offset_, factor_;         // of all features
};

}  // namespace lamina::learners
