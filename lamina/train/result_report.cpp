// The part of the report about single examples: which were mistaken, and for what.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "lamina/data/split.h"
#include "lamina/io/image.h"
#include "lamina/train/callbacks.h"
#include "lamina/train/run_report.h"

namespace lamina::train {

namespace {

constexpr size_t kMistakes = 24, kMatrixClasses = 30, kConfusions = 20;

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * share);
  return text;
}

std::string three_digits(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", share);
  return text;
}

std::string class_name(const data::DatasetInfo& info, size_t id) {
  return id < info.classes.size() ? info.classes[id] : std::to_string(id);
}

bool is_share(const std::string& name) {
  return name == "accuracy" || name.starts_with("top") || name.starts_with("precision") || name.starts_with("recall") ||
         name.starts_with("f1");
}

struct Decision {
  int64_t index = 0;
  size_t target = 0, predicted = 0;
  double confidence = 0;
};

/// The class that each row of logits stands for, with its softmax; one logit z is {0, z}.
std::vector<Decision> decisions(const Tensor& predictions, const std::vector<int64_t>& targets) {
  const std::vector<double> logits = predictions.values();
  const size_t n = targets.size(), width = logits.size() / n;
  std::vector<Decision> all;
  std::vector<double> row;
  for (size_t i = 0; i < n; ++i) {
    if (width == 1)
      row = {0, logits[i]};
    else
      row.assign(logits.begin() + static_cast<ptrdiff_t>(i * width),
                 logits.begin() + static_cast<ptrdiff_t>((i + 1) * width));
    const auto best = std::max_element(row.begin(), row.end());
    double total = 0;
    for (double z : row) total += std::exp(z - *best);
    if (targets[i] >= 0)
      all.push_back({static_cast<int64_t>(i), static_cast<size_t>(targets[i]), static_cast<size_t>(best - row.begin()),
                     1 / total});
  }
  return all;
}

/// Counts [true][predicted].
std::vector<std::vector<double>> count(const std::vector<Decision>& all, size_t classes) {
  std::vector<std::vector<double>> counts(classes, std::vector<double>(classes, 0));
  for (const Decision& d : all) {
    if (d.target < classes && d.predicted < classes) ++counts[d.target][d.predicted];
  }
  return counts;
}

void add_class_table(report::Report& page, const std::vector<std::vector<double>>& counts,
                     const data::DatasetInfo& info) {
  report::Table table{"Per class", {"class", "precision", "recall", "F1", "examples"}, {}};
  for (size_t c = 0; c < counts.size(); ++c) {
    double support = 0, claimed = 0;
    for (size_t k = 0; k < counts.size(); ++k) support += counts[c][k], claimed += counts[k][c];
    const double right = counts[c][c];
    table.rows.push_back({class_name(info, c), three_digits(claimed > 0 ? right / claimed : 0),
                          three_digits(support > 0 ? right / support : 0),
                          three_digits(support + claimed > 0 ? 2 * right / (support + claimed) : 0),
                          value_text(support)});
  }
  page.tables.insert(page.tables.begin(), std::move(table));
}

/// Too many classes for a matrix: the pairs confused most often.
void add_confusion_table(report::Report& page, const std::vector<std::vector<double>>& counts,
                         const data::DatasetInfo& info) {
  std::vector<std::array<size_t, 2>> pairs;
  for (size_t i = 0; i < counts.size(); ++i) {
    for (size_t k = 0; k < counts.size(); ++k) {
      if (i != k && counts[i][k] > 0) pairs.push_back({i, k});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [&](auto& a, auto& b) { return counts[a[0]][a[1]] > counts[b[0]][b[1]]; });
  pairs.resize(std::min(pairs.size(), kConfusions));
  report::Table table{"Confused most often", {"true class", "taken for", "times"}, {}};
  for (const auto& [i, k] : pairs)
    table.rows.push_back({class_name(info, i), class_name(info, k), value_text(counts[i][k])});
  page.tables.insert(page.tables.begin(), std::move(table));
}

bool is_picture(const Tensor& t) {
  return t.dtype() == DType::u8 && t.rank() == 3 && (t.size(0) == 1 || t.size(0) == 3) && t.size(1) >= 4 &&
         t.size(2) >= 4;
}

void add_mistakes(report::Report& page, std::vector<Decision> wrong, const data::Dataset& set) {
  std::stable_sort(wrong.begin(), wrong.end(),
                   [](const Decision& a, const Decision& b) { return a.confidence > b.confidence; });
  wrong.resize(std::min(wrong.size(), kMistakes));
  report::Table table{"Most confident mistakes", {"example", "true class", "taken for", "confidence"}, {}};
  for (const Decision& d : wrong) {
    const std::string target = class_name(set.info(), d.target), taken = class_name(set.info(), d.predicted);
    const Tensor input = set.get(d.index)[0];
    if (is_picture(input)) {
      page.pictures.push_back(
          {io::encode_png(input), target + ", taken for " + taken, percent(d.confidence) + ", " + set.label(d.index)});
    } else {
      table.rows.push_back({set.label(d.index), target, taken, percent(d.confidence)});
    }
  }
  page.pictures_title = "Most confident mistakes";
  if (!table.rows.empty()) page.tables.push_back(std::move(table));
}

void add_classes(report::Report& page, const Tensor& predictions, const data::Dataset& set) {
  const std::vector<int64_t> targets = data::class_ids(set);
  const std::vector<Decision> all = decisions(predictions, targets);
  const size_t width = static_cast<size_t>(std::max<int64_t>(2, predictions.numel() / predictions.size(0)));
  const std::vector<std::vector<double>> counts = count(all, width);
  add_class_table(page, counts, set.info());
  if (width <= kMatrixClasses) {
    for (size_t c = 0; c < width; ++c) page.confusion.classes.push_back(class_name(set.info(), c));
    page.confusion.counts = counts;
  } else {
    add_confusion_table(page, counts, set.info());
  }
  std::vector<Decision> wrong;
  std::copy_if(all.begin(), all.end(), std::back_inserter(wrong),
               [](const Decision& d) { return d.target != d.predicted; });
  add_mistakes(page, std::move(wrong), set);
}

void add_values(report::Report& page, const Tensor& predictions, const data::Dataset& set) {
  constexpr int64_t kPoints = 1000;
  const std::vector<double> predicted = predictions.values();
  const int64_t n = predictions.size(0), width = predictions.numel() / n;
  report::Chart chart{"Predicted over true values", "true", {}, false, true};
  std::vector<std::pair<double, std::vector<std::string>>> errors;
  for (int64_t c = 0; c < width; ++c) chart.series.push_back({class_name(set.info(), static_cast<size_t>(c)), {}, {}});
  for (int64_t i = 0; i < n; ++i) {
    const std::vector<double> truth = set.get(i)[1].values();
    if (static_cast<int64_t>(truth.size()) != width) return;
    for (int64_t c = 0; c < width; ++c) {
      const double t = truth[static_cast<size_t>(c)], p = predicted[static_cast<size_t>(i * width + c)];
      report::Series& s = chart.series[static_cast<size_t>(c)];
      if (i < kPoints) s.x.push_back(t), s.y.push_back(p);
      errors.push_back(
          {std::abs(p - t), {set.label(i), s.name, value_text(t), value_text(p), value_text(std::abs(p - t))}});
    }
  }
  page.charts.push_back(std::move(chart));
  std::stable_sort(errors.begin(), errors.end(), [](auto& a, auto& b) { return a.first > b.first; });
  report::Table table{"Largest errors", {"example", "output", "true", "predicted", "error"}, {}};
  for (size_t i = 0; i < std::min<size_t>(errors.size(), 12); ++i) table.rows.push_back(std::move(errors[i].second));
  page.tables.push_back(std::move(table));
}

}  // namespace

void add_headline(report::Report& page, const Results& results) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto& [name, value] : results.values) {
    if (name.find('.') == std::string::npos)
      lines.emplace_back(name, is_share(name) ? percent(value) : value_text(value));
  }
  page.headline.insert(page.headline.begin(), lines.begin(), lines.end());
}

void add_results(report::Report& page, const Results& results, const Tensor& predictions, const data::Dataset& set) {
  add_headline(page, results);
  const bool one_row_each = predictions.rank() >= 1 && predictions.rank() <= 2 && predictions.size(0) == set.size() &&
                            predictions.numel() > 0;
  if (!one_row_each) return;
  if (set.info().target == data::TargetKind::classes) add_classes(page, predictions, set);
  if (set.info().target == data::TargetKind::values) add_values(page, predictions, set);
}

}  // namespace lamina::train
