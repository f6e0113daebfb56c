// The one interface of classic learners: fit, predict, score, and a state that can be saved.
//
//     learners::LogisticRegression logistic{{.penalty = 1e-2}};
//     logistic.fit(train);
//     double share_right = logistic.score(test);
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/core/registry.h"
#include "lamina/nn/options.h"
#include "lamina/recipe/setting.h"
#include "lamina/tensor/tensor.h"

namespace lamina::learners {

/// What learners see: numbers only. Tables become it by Prepare (prepare.h).
struct Examples {
  Tensor x;                                  // [rows, features] f64
  Tensor y = {};                             // [rows]: class ids (i64) or values (f64); undefined: none
  std::vector<std::string> classes = {};     // names by id; empty: y holds values
  std::vector<std::string> features = {};    // names of the columns of x; empty: x1, x2, …
  Tensor weight = {};                        // [rows] f64, how much each row counts; undefined: all alike
  std::vector<std::string> row_groups = {};  // of each row, for splits that keep groups together

  int64_t rows() const { return x.size(0); }
  int64_t width() const { return x.size(1); }
  bool has_classes() const { return !classes.empty(); }
  std::string feature_name(int64_t column) const;
  /// Some rows, in the given order (a row may come more than once).
  Examples take(std::span<const int64_t> rows) const;
};

/// What a learner needs as a target.
enum class Learns : uint8_t {
  classes,  // class ids
  values,   // numbers
  classes_or_values,
  nothing,  // the examples alone
};

/// What fitting found, to be shown: a table of coefficients, remarks.
struct Summary {
  std::string title;                 // "calories = 88.9 + 2.57·sugars"
  std::vector<std::string> columns;  // of the table; empty: no table
  std::vector<std::vector<std::string>> rows;
  std::vector<std::pair<std::string, double>> facts;  // "iterations" → 12
  std::vector<std::string> notes;                     // in plain words
};

/// Fitted tensors by dotted name; members of an ensemble under "members.0.".
using State = std::map<std::string, Tensor>;

class Learner {
 public:
  virtual ~Learner() = default;

  /// Learns from all rows. Throws Error naming row and column of a value that is not finite, and where the target is
  /// not of the kind that this learner takes. The result depends on the examples and the options alone.
  void fit(const Examples& examples);
  bool fitted() const { return width_ >= 0; }

  /// For rows [n, features]: values [n, 1]; or scores [n, classes], the largest for the class predicted (probabilities
  /// where probabilities() says so); of learners without a target [n, k], as each says. Throws Error before fit() or
  /// where the number of features differs.
  Tensor predict(const Tensor& x) const;
  /// The class (cluster) with the largest score, the first of equal ones: [n] i64.
  Tensor predict_class(const Tensor& x) const;
  /// The larger the better: accuracy of classes, R² of values; of others as each says.
  double score(const Examples& examples) const;

  virtual Learns learns() const = 0;
  /// Are the scores of classes probabilities?
  virtual bool probabilities() const { return false; }
  /// Does it want features of mean 0 and variance 1 (those that compare or penalise them)?
  virtual bool wants_scaled() const { return true; }
  /// Does fit() use Examples::weight?
  virtual bool uses_weights() const { return false; }

  /// "ridge".
  virtual std::string name() const = 0;
  /// Options as JSON.
  virtual std::string describe() const = 0;
  /// A learner of the same kind and options that has seen nothing; `shift` is added to the seed, where it has one.
  virtual std::unique_ptr<Learner> fresh(int64_t shift = 0) const = 0;

  virtual Summary summary() const { return {}; }
  /// All that fit() found. A learner made with the same options takes it back by restore().
  State state() const;
  /// Throws Error naming the tensor that is missing or has another shape.
  void restore(const State& state);
  /// What summaries call classes and features: fit() takes the names of the examples, restore() brings none back.
  virtual void set_names(const std::vector<std::string>& classes, const std::vector<std::string>& features);

 protected:
  virtual void do_fit(const Examples& examples) = 0;
  virtual Tensor do_predict(const Tensor& x) const = 0;
  virtual double do_score(const Examples& examples) const;
  virtual void do_save(State& state) const = 0;
  virtual void do_restore(const State& state) = 0;
  /// Of the examples of fit(); −1 before.
  int64_t width() const { return width_; }
  int64_t classes() const { return classes_; }  // 0: values, or nothing
  const std::vector<std::string>& class_names() const { return class_names_; }
  std::string feature_name(int64_t column) const;

 private:
  int64_t width_ = -1, classes_ = 0;
  std::vector<std::string> class_names_, feature_names_;
};

/// name(), describe() and fresh() of a concrete learner, which has kName. Base: Learner, or what several learners
/// share.
template <class Self, class OptionsType, class Base = Learner>
class LearnerOf : public Base {
 public:
  using Options = OptionsType;
  template <class... BaseArguments>
  explicit LearnerOf(const Options& options, const BaseArguments&... base) : Base(base...), options_(options) {}
  const Options& options() const { return options_; }
  std::string name() const override { return Self::kName; }
  std::string describe() const override { return nn::json_of(options_); }
  std::unique_ptr<Learner> fresh(int64_t shift = 0) const override {
    Options options = options_;
    if constexpr (requires { options.seed; }) options.seed += shift;
    return std::make_unique<Self>(options);
  }

 protected:
  Options options_;
};

/// The tensor of that name; throws Error where it is missing.
const Tensor& saved(const State& state, const std::string& name);
/// The part under "prefix.", without it.
State part(const State& state, const std::string& prefix);
void put(State& state, const std::string& prefix, const State& part);

/// Learners by name.
std::span<const Entry<Learner>> learner_table();
/// "NAME key=value …" as the section {name: NAME, key: value, …}; `origin` stands before its mistakes.
recipe::Setting section_from_text(const std::string& text, const std::string& origin);
/// {name: bagging, base: {name: tree, depth: 3}}, or base: tree depth=3
std::unique_ptr<Learner> make_learner(const recipe::Setting& section);
/// From a text "NAME key=value …": "tree depth=3", "mlp hidden=[20,10] lr=0.01"; or "{name: …}". Throws Error with the
/// nearest valid name.
std::unique_ptr<Learner> make_learner(const std::string& text);

}  // namespace lamina::learners
